from __future__ import annotations

from decimal import Decimal
from typing import Any

from ingest.events.states import BudgetStateChanged, BudgetStatus
from streams.budgets.pacing import Pacer
from tests.builders import a_budget, a_budget_state


def state(spent: str, **changes: Any) -> BudgetStateChanged:
    return a_budget_state(spent_usd=Decimal(spent), **changes)


def test_the_first_state_goes_out_at_once() -> None:
    assert Pacer().offer(state("1"), 0.0) == state("1")


def test_amounts_wait_and_only_the_last_one_goes_out() -> None:
    pacer = Pacer(0.1)
    pacer.offer(state("1"), 0.0)
    assert pacer.offer(state("2"), 0.02) is None
    assert pacer.offer(state("3"), 0.04) is None
    assert pacer.next_due() == 0.1
    assert pacer.due(0.09) == []
    assert pacer.due(0.1) == [state("3")]
    assert pacer.due(0.2) == []
    assert pacer.next_due() is None


def test_after_a_pause_an_amount_goes_out_at_once() -> None:
    pacer = Pacer(0.1)
    pacer.offer(state("1"), 0.0)
    assert pacer.offer(state("2"), 0.1) == state("2")


def test_what_others_act_on_does_not_wait() -> None:
    pacer = Pacer(0.1)
    pacer.offer(state("1"), 0.0)
    news: list[dict[str, Any]] = [
        {"status": BudgetStatus.BLOCKED},
        {"window": "0/2026-12-01T00:00:00Z"},
        {"warned_at": (Decimal("0.5"),)},
        {"budget": a_budget(limit_usd=Decimal(11))},
    ]
    for number, changes in enumerate(news):
        changed = state("1", **changes)
        assert pacer.offer(changed, 0.01 * number) == changed


def test_a_state_that_goes_out_takes_the_place_of_one_that_waits() -> None:
    pacer = Pacer(0.1)
    pacer.offer(state("1"), 0.0)
    pacer.offer(state("2"), 0.01)
    assert pacer.offer(state("3", status=BudgetStatus.BLOCKED), 0.02) is not None
    assert pacer.due(1.0) == []


def test_what_was_published_is_not_said_again() -> None:
    pacer = Pacer(0.1)
    pacer.offer(state("1"), 0.0)
    assert pacer.offer(state("1", call_id="again"), 5.0) is None
    assert pacer.due(9.0) == []


def test_budgets_are_paced_one_by_one() -> None:
    pacer = Pacer(0.1)
    other = a_budget(name="other")
    pacer.offer(state("1"), 0.0)
    assert pacer.offer(state("1", budget=other), 0.01) is not None
    pacer.offer(state("2"), 0.02)
    pacer.offer(state("2", budget=other), 0.03)
    assert [s.budget.name for s in pacer.due(0.1)] == ["search-monthly"]
    assert [s.budget.name for s in pacer.due(0.11)] == ["other"]
