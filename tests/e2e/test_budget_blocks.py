"""A budget is spent, a block comes back through Kafka, and the next call is refused in words that the SDKs understand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.e2e.conftest import Look
from tests.e2e.sdk_calls import OPENAI_MODEL
from tests.fixtures.providers import simulate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def ask(client: openai.OpenAI) -> object:
    # 1,000,000 output tokens of gpt-4o-mini cost $0.60.
    return client.chat.completions.create(
        model=OPENAI_MODEL,
        messages=[{"role": "user", "content": "spend"}],
        extra_headers=simulate(input_tokens=0, output_tokens=1_000_000),
    )


def refused(client: openai.OpenAI) -> openai.RateLimitError | None:
    try:
        ask(client)
    except openai.RateLimitError as refusal:
        return refusal
    return None


def a_spent_budget(look: Look, team: str, **changes: Any) -> openai.OpenAI:
    """A team whose budget of $1 was exhausted by two calls of $0.60."""
    key, _ = look.team_with_key(team)
    budget = {"name": team, "scope": {"team": team}, "limit_usd": "1.00", "window": "month", "mode": "soft"}
    look.admin("POST", "/admin/budgets", {**budget, **changes})
    client = look.clients(key).openai
    ask(client)
    ask(client)
    look.until("the block", lambda: look.admin("GET", f"/admin/budgets/{team}")["state"] == "blocked")
    return client


def test_a_spent_budget_refuses_the_next_call_and_a_reset_lets_it_through(look: Look) -> None:
    client = a_spent_budget(look, "spender")
    look.reset_served()

    refusal = look.until("a refusal", lambda: refused(client))
    assert look.served() == [], "a refused call never reaches the provider"
    assert "spender" in str(refusal)
    assert refusal.response.headers["x-should-retry"] == "false"
    assert int(refusal.response.headers["retry-after"]) > 0

    state = look.admin("GET", "/admin/budgets/spender")
    assert Decimal(state["spent"]) == Decimal("1.2")
    assert Decimal(state["remaining"]) == 0

    rows = "SELECT outcome, cost_usd FROM calls WHERE team = 'spender' ORDER BY started_at"
    found = look.until("three rows", lambda: r if len(r := look.rows(rows)) == 3 else None)
    assert [row["outcome"] for row in found] == ["ok", "ok", "refused"]
    assert Decimal(found[-1]["cost_usd"]) == 0

    look.admin("POST", "/admin/budgets/spender/reset")
    look.until("calls after the reset", lambda: refused(client) is None)
    assert look.admin("GET", "/admin/budgets/spender")["state"] != "blocked"


def test_a_higher_limit_unblocks(look: Look) -> None:
    client = a_spent_budget(look, "raiser")
    assert look.until("a refusal", lambda: refused(client))
    look.admin(
        "POST",
        "/admin/budgets",
        {
            "name": "raiser",
            "scope": {"team": "raiser"},
            "limit_usd": "100",
            "window": "month",
            "mode": "soft",
        },
    )
    look.until("calls under the higher limit", lambda: refused(client) is None)


def test_a_budget_of_another_team_is_none_of_ours(look: Look) -> None:
    a_spent_budget(look, "neighbour")
    key, _ = look.team_with_key("bystander")
    ask(look.clients(key).openai)


def test_a_block_outlives_every_process(look: Look) -> None:
    client = a_spent_budget(look, "survivor")
    for name in ("worker", "gateway"):
        look.stack.kill(name)
        look.stack.restart(name)
    assert look.until("a refusal after the restarts", lambda: refused(client))
    assert Decimal(look.admin("GET", "/admin/budgets/survivor")["spent"]) == Decimal("1.2")
