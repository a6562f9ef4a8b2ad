"""What is usual by now is a median of days that can be compared."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from dashboard.comparison import Usual, usual_by_now, weekday_name
from ingest.money import usd
from tests.unit.dashboard.frames import at, frame
from warehouse.queries.spend import SpendOnWeekday

NOW = at(24, 10) + timedelta(minutes=30)  # a Tuesday


def days(*rows: tuple[int, str, str]) -> Any:
    """Weeks ago, spent before ten o'clock, spent from ten to eleven."""
    return frame(
        SpendOnWeekday.columns,
        [(_day(weeks), usd(before), usd(during), usd("1000")) for weeks, before, during in rows],
    )


def _day(weeks: int) -> datetime:
    return at(24) - timedelta(weeks=weeks)


def test_it_is_the_median_with_half_of_the_running_hour() -> None:
    assert usual_by_now(days((3, "1", "0"), (2, "10", "4"), (1, "5", "0")), NOW) == Usual(usd("5"), 3)
    assert usual_by_now(days((3, "1", "0"), (2, "3", "4"), (1, "9", "0")), NOW) == Usual(usd("5"), 3)


def test_a_day_without_spend_counts_as_nothing_once_there_was_spend() -> None:
    found = usual_by_now(days((5, "8", "0"), (1, "4", "0")), NOW)
    assert found == Usual(usd("0"), 5)


def test_two_days_are_too_few() -> None:
    assert usual_by_now(days((2, "1", "1"), (1, "1", "1")), NOW) is None
    assert usual_by_now(days(), NOW) is None


def test_an_even_number_of_days_is_exact() -> None:
    found = usual_by_now(days((4, "1", "0"), (3, "2", "0"), (2, "3", "0"), (1, "4", "0")), NOW)
    assert found == Usual(Decimal("2.5"), 4)


def test_weekdays_have_names() -> None:
    assert weekday_name(NOW) == "Tuesdays"
