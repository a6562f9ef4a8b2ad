"""`kill -9` of every process in turn under traffic: nothing that the provider answered is lost or doubled."""

from __future__ import annotations

import threading
from decimal import Decimal

import openai
import pytest

from tests.e2e.conftest import Look
from tests.e2e.sdk_calls import OPENAI_MODEL
from tests.e2e.test_every_sdk import independent_cost

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TEAM = "crashes"


class Traffic:
    """Calls one after another until stopped; what fails while the gateway is down is its client's business."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = 0

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._client.chat.completions.create(
                    model=OPENAI_MODEL, messages=[{"role": "user", "content": "hi"}]
                )
            except openai.APIConnectionError:
                self._stop.wait(0.05)
            else:
                self.answered += 1


@pytest.mark.parametrize("name", ["worker", "warehouse", "kafka"])
def test_a_killed_process_costs_neither_a_call_nor_a_cent(look: Look, name: str) -> None:
    team = f"{TEAM}-{name}"
    key, _ = look.team_with_key(team)
    look.admin(
        "POST",
        "/admin/budgets",
        {"name": team, "scope": {"team": team}, "limit_usd": "1000", "window": "total"},
    )
    look.reset_served()
    with Traffic(look.clients(key).openai) as traffic:
        look.until("traffic", lambda: traffic.answered > 20)
        look.stack.kill(name)
        before = traffic.answered
        look.until("traffic without it", lambda: traffic.answered > before + 20)
        look.stack.restart(name)
        before = traffic.answered
        look.until("traffic after it", lambda: traffic.answered > before + 20)
    if name == "warehouse":
        look.stack.wait_ready("worker")

    served = look.served()
    cost = sum((independent_cost(call) for call in served), Decimal(0))
    sql = f"SELECT count() AS calls, uniqExact(call_id) AS ids, sum(cost_usd) AS cost_usd FROM calls WHERE team = '{team}'"
    found = look.until(
        "every call in the warehouse",
        lambda: r if int((r := look.rows(sql)[0])["calls"]) >= len(served) else None,
    )
    assert (int(found["calls"]), int(found["ids"]), Decimal(found["cost_usd"])) == (
        len(served),
        len(served),
        cost,
    )
    look.until(
        "the budget's balance equal to the providers' own count",
        lambda: Decimal(look.admin("GET", f"/admin/budgets/{team}")["spent"]) == cost,
    )
