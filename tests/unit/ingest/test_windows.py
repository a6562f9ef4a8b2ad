from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given

from ingest.attribution import BudgetScope
from ingest.errors import InvalidInput
from ingest.governance.budgets import Budget, check_budget
from ingest.governance.windows import parse_duration, window_at
from tests.strategies import INSTANTS, budgets

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)


def a_budget(window: str, zone: str = "UTC", epoch: int = 0) -> Budget:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return Budget("b", BudgetScope(team="t"), Decimal(1), window, created, zone, epoch=epoch)


@given(budgets(), INSTANTS)
def test_a_window_holds_its_instant_and_windows_leave_no_gap(budget: Budget, instant: datetime) -> None:
    if budget.window == "total":
        instant = max(instant, budget.created_at)
    window = window_at(budget, instant)
    assert window.start <= instant
    assert window_at(budget, window.start) == window
    if window.end is not None:
        assert instant < window.end
        following = window_at(budget, window.end)
        assert following.start == window.end
        assert following.id != window.id


def test_a_day_in_which_the_clocks_change_has_23_or_25_hours() -> None:
    budget = a_budget("day", "Europe/Berlin")
    spring = window_at(budget, datetime(2026, 3, 29, 10, tzinfo=UTC))
    autumn = window_at(budget, datetime(2026, 10, 25, 10, tzinfo=UTC))
    assert spring.end is not None
    assert autumn.end is not None
    assert spring.end - spring.start == timedelta(hours=23)
    assert autumn.end - autumn.start == timedelta(hours=25)


def test_a_month_begins_at_midnight_of_the_budgets_zone() -> None:
    window = window_at(a_budget("month", "America/New_York"), datetime(2026, 11, 1, 3, tzinfo=UTC))
    assert window.start == datetime(2026, 10, 1, 4, tzinfo=UTC)
    assert window.end == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_a_week_begins_on_monday() -> None:
    assert window_at(a_budget("week"), datetime(2026, 11, 24, tzinfo=UTC)).start == datetime(
        2026, 11, 23, tzinfo=UTC
    )


def test_a_reset_is_another_balance() -> None:
    instant = datetime(2026, 11, 24, tzinfo=UTC)
    assert window_at(a_budget("month"), instant).id != window_at(a_budget("month", epoch=1), instant).id


@pytest.mark.parametrize(
    ("window", "zone", "instant"),
    [
        ("day", "UTC", LAST),
        ("month", "UTC", LAST),
        ("week", "Asia/Tokyo", LAST),
        ("day", "America/New_York", FIRST),
        ("P3660D", "UTC", LAST),
    ],
)
def test_a_window_beyond_the_calendar_is_refused(window: str, zone: str, instant: datetime) -> None:
    budget = Budget("b", BudgetScope(team="t"), Decimal(1), window, instant, zone)
    with pytest.raises(InvalidInput, match="years 1 to 9999"):
        window_at(budget, instant)


@pytest.mark.parametrize(
    "bad", ["", "monthly", "P", "PT", "P1M", "P1Y", "PT0S", "P9999D", "-P1D", "P1.5D", f"P{'9' * 30}D"]
)
def test_a_window_of_no_fixed_length_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="window"):
        parse_duration(bad)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"limit_usd": Decimal(-1)}, "limit_usd"),
        ({"timezone": "Mars/Olympus"}, "IANA time zone"),
        ({"timezone": "../etc/passwd"}, "IANA time zone"),
        ({"warn_at": (Decimal(0),)}, "warn_at"),
        ({"scope": BudgetScope()}, "scope"),
        ({"name": ""}, "name"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(change: dict[str, object], sentence: str) -> None:
    import msgspec

    with pytest.raises(InvalidInput, match=sentence):
        check_budget(msgspec.structs.replace(a_budget("month"), **change))
