"""Which hours are asked for, and which they are compared with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from dashboard.filters import Filters, Range
from dashboard.periods import cut_of, month_end, period_of, previous_of
from warehouse.queries.spend import Bucket

NOW = datetime(2026, 11, 24, 10, 42, 7, tzinfo=UTC)


def at(day: int, month: int = 11, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chosen", "start", "end", "words"),
    [
        (Range.TODAY, at(24), at(25), "24 Nov 2026"),
        (Range.WEEK, at(18), at(25), "18–24 Nov 2026"),
        (Range.MONTH, at(26, 10), at(25), "26 Oct – 24 Nov 2026"),
        (Range.MONTH_TO_DATE, at(1), at(25), "1–24 Nov 2026"),
    ],
)
def test_periods_are_whole_days_up_to_today(
    chosen: Range, start: datetime, end: datetime, words: str
) -> None:
    period = period_of(Filters(range=chosen), NOW)
    assert (period.start, period.end, period.describe()) == (start, end, words)
    assert period.is_running
    assert period.hours_until == at(24, hour=10)


def test_days_of_ones_own_choice_include_both() -> None:
    chosen = Filters(range=Range.CUSTOM, first=date(2025, 12, 31), last=date(2026, 1, 1))
    period = period_of(chosen, NOW)
    assert (period.start, period.end) == (
        datetime(2025, 12, 31, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert period.describe() == "31 Dec 2025 – 1 Jan 2026"
    assert not period.is_running
    assert period.hours_until == period.end
    assert period.bucket == Bucket.HOUR
    assert period.days == 2


def test_today_is_utcs_today() -> None:
    late_in_california = datetime(2026, 11, 23, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert period_of(Filters(range=Range.TODAY), late_in_california).start == at(24)


@pytest.mark.parametrize(
    ("chosen", "start", "end", "name"),
    [
        (Range.MONTH_TO_DATE, at(1, 10), at(24, 10, 10), "the same days of October"),
        (Range.WEEK, at(11), at(17, hour=10), "the 7 days before"),
        (Range.TODAY, at(23), at(23, hour=10), "yesterday"),
    ],
)
def test_a_running_period_is_compared_up_to_the_same_hour(
    chosen: Range, start: datetime, end: datetime, name: str
) -> None:
    filters = Filters(range=chosen)
    previous = previous_of(filters, period_of(filters, NOW))
    assert previous is not None
    assert (previous[0].start, previous[0].end, previous[1]) == (start, end, name)


def test_a_longer_month_is_compared_with_the_whole_of_a_shorter_one() -> None:
    filters = Filters()
    previous = previous_of(filters, period_of(filters, datetime(2026, 3, 31, 12, tzinfo=UTC)))
    assert previous is not None
    assert (previous[0].start, previous[0].end) == (at(1, 2), at(1, 3))


def test_a_period_that_is_over_is_compared_whole() -> None:
    filters = Filters(range=Range.CUSTOM, first=date(2026, 10, 11), last=date(2026, 10, 20))
    previous = previous_of(filters, period_of(filters, NOW))
    assert previous is not None
    assert (previous[0].start, previous[0].end) == (at(1, 10), at(11, 10))


def test_nothing_can_be_compared_before_the_first_hour_is_over_or_in_the_future() -> None:
    filters = Filters()
    assert previous_of(filters, period_of(filters, datetime(2026, 11, 1, 0, 59, tzinfo=UTC))) is None
    future = Filters(range=Range.CUSTOM, first=date(2027, 1, 1), last=date(2027, 1, 2))
    assert previous_of(future, period_of(future, NOW)) is None


def test_the_end_of_a_month() -> None:
    assert month_end(NOW) == at(1, 12)
    assert month_end(at(31, 12)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_the_cut_holds_all_filters() -> None:
    filters = Filters(teams=("a",), models=("m",), providers=("p",), keys=("k",))
    cut = cut_of(filters, period_of(filters, NOW))
    assert (cut.start, cut.end) == (at(1), at(25))
    assert (cut.teams, cut.models, cut.providers, cut.keys) == (("a",), ("m",), ("p",), ("k",))


@given(
    st.sampled_from([r for r in Range if r != Range.CUSTOM]),
    st.datetimes(datetime(2021, 1, 1), datetime(2098, 1, 1)),
)
def test_every_period_is_bounded_by_hours_and_its_comparison_lies_before_it(
    chosen: Range, naive: datetime
) -> None:
    filters = Filters(range=chosen)
    period = period_of(filters, naive.replace(tzinfo=UTC))
    cut_of(filters, period)  # raises for anything but whole hours
    assert period.is_running
    if previous := previous_of(filters, period):
        cut_of(filters, previous[0])
        assert previous[0].end <= period.start
        assert previous[0].end - previous[0].start <= period.hours_until - period.start
