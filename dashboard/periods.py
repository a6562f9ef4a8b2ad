"""From the filters and the instant to the hours that are asked for, and to those they are compared with. All UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dashboard.filters import Filters, Range
from warehouse.queries.cut import Cut
from warehouse.queries.spend import Bucket

_DAY = timedelta(days=1)
_HOURLY_UP_TO = timedelta(days=2)


@dataclass(frozen=True)
class Period:
    """Whole days from `start` up to but not including `end`; `now` lies in it or it is over, or yet to come."""

    start: datetime
    end: datetime
    now: datetime

    @property
    def is_running(self) -> bool:
        """Whether the last day is unfinished."""
        return self.start <= self.now < self.end

    @property
    def hours_until(self) -> datetime:
        """The end of the last whole hour within the period: what can be compared fairly."""
        return max(self.start, min(self.end, floor_hour(self.now)))

    @property
    def bucket(self) -> Bucket:
        """How finely a chart divides it."""
        return Bucket.HOUR if self.end - self.start <= _HOURLY_UP_TO else Bucket.DAY

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start) // _DAY

    def describe(self) -> str:
        """For people: `1–24 Nov 2026`."""
        first, last = self.start.date(), (self.end - _DAY).date()
        if first == last:
            return f"{last.day} {last:%b %Y}"
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{last.day} {last:%b %Y}"
        start = f"{first.day} {first:%b}" if first.year == last.year else f"{first.day} {first:%b %Y}"
        return f"{start} – {last.day} {last:%b %Y}"


def period_of(filters: Filters, now: datetime) -> Period:
    """The period that `filters` name at the instant `now`."""
    today = now.astimezone(UTC).date()
    if filters.range == Range.CUSTOM and filters.first and filters.last:
        first, last = filters.first, filters.last
    elif filters.range == Range.TODAY:
        first, last = today, today
    elif filters.range == Range.WEEK:
        first, last = today - timedelta(days=6), today
    elif filters.range == Range.MONTH:
        first, last = today - timedelta(days=29), today
    else:
        first, last = today.replace(day=1), today
    return Period(_midnight(first), _midnight(last + _DAY), now)


def previous_of(filters: Filters, period: Period) -> tuple[Period, str] | None:
    """The period before, cut off at the same hour, and its name; None while no hour of `period` is over.

    The month to date is compared with the same days of the month before (fewer, where that one is shorter), every
    other period with as many days just before it.
    """
    elapsed = period.hours_until - period.start
    if not elapsed:
        return None
    if filters.range == Range.MONTH_TO_DATE:
        start = _midnight((period.start.date() - _DAY).replace(day=1))
        end = min(start + elapsed, period.start)
        return Period(start, end, period.now), f"the same days of {start:%B}"
    start = period.start - (period.end - period.start)
    name = "yesterday" if filters.range == Range.TODAY else "the period before"
    if filters.range in (Range.WEEK, Range.MONTH):
        name = f"the {period.days} days before"
    return Period(start, start + elapsed, period.now), name


def month_end(instant: datetime) -> datetime:
    """The first instant of the next month."""
    first = instant.astimezone(UTC).date().replace(day=1)
    return _midnight((first + timedelta(days=32)).replace(day=1))


def floor_hour(instant: datetime) -> datetime:
    """The start of the hour."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def cut_of(filters: Filters, period: Period) -> Cut:
    """The calls of `period` that `filters` let through."""
    return Cut(
        period.start,
        period.end,
        teams=filters.teams,
        models=filters.models,
        providers=filters.providers,
        keys=filters.keys,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
