"""A team's negotiated price reaches the warehouse and the budget, beside the list price; its end restores the list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.e2e.conftest import Look
from tests.e2e.sdk_calls import OPENAI_MODEL
from tests.fixtures.providers import simulate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TEAM = "negotiator"
ROWS = f"""SELECT cost_usd, list_cost_usd, price_version, is_priced FROM calls WHERE team = '{TEAM}'
    ORDER BY started_at"""


def ask(client: openai.OpenAI) -> None:
    # A million tokens each way of gpt-4o-mini: $0.15 and $0.60 in list prices.
    client.chat.completions.create(
        model=OPENAI_MODEL,
        messages=[{"role": "user", "content": "deal"}],
        extra_headers=simulate(input_tokens=1_000_000, output_tokens=1_000_000),
    )


def newest_row(look: Look, client: openai.OpenAI) -> dict[str, Any]:
    """The row of a call that is made now."""
    count = len(look.rows(ROWS))
    ask(client)
    rows: list[dict[str, Any]] = look.until(
        "the row", lambda: r if len(r := look.rows(ROWS)) > count else None
    )
    return rows[-1]


def until_priced_by(look: Look, client: openai.OpenAI, price: str) -> dict[str, Any]:
    """The first of the rows, one call after the other, that names `price`."""

    def found() -> dict[str, Any] | None:
        row = newest_row(look, client)
        return row if row["price_version"].endswith(price) else None

    row: dict[str, Any] = look.until(f"a call at {price}", found)
    return row


def test_a_negotiated_price_from_the_admin_api_to_the_balance(look: Look) -> None:
    key, _ = look.team_with_key(TEAM)
    client = look.clients(key).openai
    budget = {"name": TEAM, "scope": {"team": TEAM}, "limit_usd": "1000", "window": "month"}
    look.admin("POST", "/admin/budgets", budget)
    listed = newest_row(look, client)
    assert Decimal(listed["cost_usd"]) == Decimal(listed["list_cost_usd"]) == Decimal("0.75")

    rates = {"input": "0.10", "output": "0.20"}
    scope = {"team": TEAM, "model": OPENAI_MODEL}
    look.admin(
        "POST", "/admin/prices", {"price_id": "deal", "scope": scope, "rates": rates, "currency": "EUR"}
    )
    # Without an exchange rate there is no cost in dollars, and none is made up.
    unpriced = look.until(
        "an unpriced call", lambda: r if not (r := newest_row(look, client))["is_priced"] else None
    )
    assert Decimal(unpriced["cost_usd"]) == 0

    look.admin(
        "POST", "/admin/exchange-rates", {"currency": "EUR", "usd": "1.10", "effective_from": "2026-01-01"}
    )
    deal = until_priced_by(look, client, "own/deal+EUR/2026-01-01T00:00:00+00:00")
    assert (Decimal(deal["cost_usd"]), Decimal(deal["list_cost_usd"])) == (Decimal("0.33"), Decimal("0.75"))

    look.admin("DELETE", "/admin/prices/deal")
    back = until_priced_by(look, client, listed["price_version"])
    assert Decimal(back["cost_usd"]) == Decimal("0.75")

    total = sum((Decimal(row["cost_usd"]) for row in look.rows(ROWS)), Decimal(0))
    look.until("the balance", lambda: Decimal(look.admin("GET", f"/admin/budgets/{TEAM}")["spent"]) == total)
