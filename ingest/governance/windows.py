"""Which window of a budget an instant falls in.

Calendar windows (`day`, `week`, `month`) begin at local midnight in the budget's time zone, so that a day in which the
clocks change has 23 or 25 hours (the wall clock is computed first and then made an instant, PEP 495). Weeks begin on
Monday (ISO 8601). A duration repeats from the budget's creation, without gaps.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from ingest.errors import InvalidInput
from ingest.governance.budgets import Budget

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_LONGEST = timedelta(days=3660)


class Window(msgspec.Struct, frozen=True):
    """From `start` up to but not including `end` (None: no end). `id` names the balance: `epoch/start`."""

    id: str
    start: datetime
    end: datetime | None


def window_at(budget: Budget, instant: datetime) -> Window:
    """The window of `budget` that holds `instant`; raises InvalidInput for a `window` that is not understood, and for one
    that begins or ends outside the years 1 to 9999."""
    try:
        return _window_at(budget, instant)
    except OverflowError:
        raise InvalidInput(
            f"the window {budget.window!r} of {instant.isoformat()} lies outside the years 1 to 9999"
        ) from None


def _window_at(budget: Budget, instant: datetime) -> Window:
    if budget.window == "total":
        return _window(budget, budget.created_at, None)
    if budget.window in ("day", "week", "month"):
        zone = ZoneInfo(budget.timezone)
        first, following = _calendar_days(budget.window, instant.astimezone(zone).date())
        return _window(budget, _midnight(first, zone), _midnight(following, zone))
    length = parse_duration(budget.window)
    start = budget.created_at + (instant - budget.created_at) // length * length
    return _window(budget, start, start + length)


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of fixed length (`PT1H`, `P7D`, `P2W`); months and years have no fixed length and are
    refused, as is anything under a second or over ten years."""
    match = _DURATION.fullmatch(text)
    try:
        length = (
            timedelta(**{u: int(n) for u, n in match.groupdict().items() if n}) if match else timedelta(0)
        )
    except (OverflowError, ValueError):  # more digits than a number of days can have
        length = timedelta.max
    if not timedelta(0) < length <= _LONGEST:
        raise InvalidInput(
            f"window {text!r} is none of day, week, month, total, or an ISO 8601 duration of weeks, days, hours,"
            " minutes and seconds such as P7D or PT1H, of at most 3660 days"
        )
    return length


def _calendar_days(window: str, day: date) -> tuple[date, date]:
    if window == "day":
        return day, day + timedelta(days=1)
    if window == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _window(budget: Budget, start: datetime, end: datetime | None) -> Window:
    start = start.astimezone(UTC)
    stamp = start.replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Window(f"{budget.epoch}/{stamp}", start, end)
