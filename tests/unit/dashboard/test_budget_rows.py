"""Budgets in the window that holds now, and the one limit that a month may be held against."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboard.budget_rows import BudgetRow, Ceiling, budget_rows, ceiling_of
from dashboard.filters import Filters, Range
from dashboard.periods import period_of
from ingest.money import usd
from tests.unit.dashboard.frames import NOW, at, budget, budgets

PERIOD = period_of(Filters(), NOW)


def row(**changes: Any) -> BudgetRow:
    (found,) = budget_rows(budgets(budget(**changes)), NOW)
    return found


def test_a_budget_in_its_window() -> None:
    found = row()
    assert (found.spent_usd, found.limit_usd, found.status) == (usd("40"), usd("100"), "open")
    assert (found.start, found.end) == (at(1), at(1, month=12))
    assert found.used == Decimal("0.4")
    elapsed = found.elapsed(NOW)
    assert elapsed is not None
    assert round(elapsed, 4) == round(Decimal(23 * 86_400 + 10 * 3600 + 42 * 60 + 7) / (30 * 86_400), 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"window": "0/2026-10-01T00:00:00Z", "status": "blocked", "spent_usd": usd("120")},
        {"epoch": 1, "status": "blocked", "spent_usd": usd("120")},
    ],
    ids=["a new month", "a reset"],
)
def test_a_state_of_another_window_says_nothing_about_this_one(changes: dict[str, Any]) -> None:
    found = row(**changes)
    assert (found.spent_usd, found.status) == (usd("0"), "open")


def test_a_limit_of_nothing_blocks_from_the_start_in_every_window() -> None:
    found = row(limit_usd=usd("0"), window="0/2026-10-01T00:00:00Z", spent_usd=usd("0"))
    assert (found.status, found.used) == ("blocked", Decimal(1))


def test_a_window_turns_in_its_own_time_zone() -> None:
    found = row(timezone="America/New_York", window="0/2026-11-01T04:00:00Z")
    assert (found.start, found.end) == (at(1, 4), at(1, 5, month=12))
    assert found.spent_usd == usd("40")


def test_a_budget_without_an_end_has_no_pace() -> None:
    found = row(period="total", window="0/2026-09-03T00:00:00Z", until=None)
    assert found.end is None
    assert found.elapsed(NOW) is None
    assert found.spent_usd == usd("40")


def test_the_fullest_comes_first() -> None:
    frame = budgets(budget(), budget(name="b", spent_usd=usd("90")), budget(name="a", spent_usd=usd("90")))
    assert [found.name for found in budget_rows(frame, NOW)] == ["a", "b", "search-month"]


def ceiling(
    filters: Filters, *rows: dict[str, Any], spenders: tuple[str, ...] = ("search",)
) -> Ceiling | None:
    return ceiling_of(filters, period_of(filters, NOW), budget_rows(budgets(*rows), NOW), spenders)


ORG = budget(name="company", scope_dimensions={"org": "default"}, limit_usd=usd("500"))
SEARCH = budget()
CODE = budget(name="code-month", scope_dimensions={"team": "code"}, limit_usd=usd("30"))


def test_all_spend_is_held_against_the_organisations_budget() -> None:
    found = ceiling(Filters(), ORG, SEARCH)
    assert found == Ceiling(usd("500"), at(1), at(1, month=12), "budget company", usd("40"))


def test_one_teams_spend_is_held_against_that_teams_tightest_budget() -> None:
    tight = budget(name="tight", limit_usd=usd("60"))
    found = ceiling(Filters(teams=("search",)), ORG, SEARCH, CODE, tight)
    assert found is not None
    assert (found.limit_usd, found.label) == (usd("60"), "budget tight")


def test_all_teams_budgets_together_hold_only_if_every_spender_has_one() -> None:
    together = ceiling(Filters(), SEARCH, CODE, spenders=("search", "code"))
    assert together is not None
    assert (together.limit_usd, together.label) == (usd("130"), "all teams' budgets")
    assert together.counted_usd == usd("80")
    assert ceiling(Filters(), SEARCH, CODE, spenders=("search", "code", "growth")) is None
    assert ceiling(Filters(), SEARCH, spenders=()) is None


@pytest.mark.parametrize(
    ("filters", "row"),
    [
        (Filters(range=Range.WEEK), ORG),
        (
            Filters(),
            budget(period="day", scope_dimensions={"org": "default"}, window="0/2026-11-24T00:00:00Z"),
        ),
        (Filters(), ORG | {"timezone": "Europe/Berlin"}),
        (Filters(teams=("search", "code")), SEARCH),
        (Filters(teams=("search",), models=("gpt-4o",)), SEARCH),
        (Filters(keys=("key-1",)), SEARCH),
    ],
    ids=[
        "another period",
        "another window",
        "another zone",
        "two teams",
        "a narrower cut",
        "another dimension",
    ],
)
def test_what_covers_something_else_is_no_ceiling(filters: Filters, row: dict[str, Any]) -> None:
    assert ceiling(filters, row) is None


def test_a_budget_of_two_dimensions_covers_the_same_two_filters() -> None:
    both = budget(name="both", scope_dimensions={"team": "search", "model": "gpt-4o"})
    found = ceiling(Filters(teams=("search",), models=("gpt-4o",)), both, SEARCH)
    assert found is not None
    assert found.label == "budget both"


def test_elapsed_stays_within_its_window() -> None:
    found = row()
    assert found.elapsed(at(1) - timedelta(days=3)) == 0
    assert found.elapsed(at(1, month=12) + timedelta(days=3)) == 1
