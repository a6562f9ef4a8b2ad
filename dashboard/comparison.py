"""What is usual: today's spend against the same weekday in the weeks before. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from dashboard.frames import records
from dashboard.periods import floor_hour
from ingest.money import usd

if TYPE_CHECKING:
    import pandas as pd

WEEKS = 8
LEAST_DAYS = 3
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True)
class Usual:
    """The median of what `days` earlier days of this weekday had cost, in USD, by this time of the day."""

    amount: Decimal
    days: int


def weekday_name(now: datetime) -> str:
    """`Tuesdays`."""
    return _WEEKDAYS[now.weekday()]


def usual_by_now(frame: pd.DataFrame, now: datetime) -> Usual | None:
    """From an answer to `SpendOnWeekday` over the last eight weeks; None with fewer than three days to go by.

    The current hour counts in proportion to the minutes passed. A day without spend counts as zero once there was
    spend at all, that is, from the first row on.
    """
    if frame.empty:
        return None
    hour = floor_hour(now)
    passed = Decimal(int((now - hour).total_seconds())) / 3600
    by_day = {
        row.day.to_pydatetime().date(): row.before_usd + row.during_usd * passed for row in records(frame)
    }
    first = min(by_day)
    days = [now.date() - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
    amounts = [by_day.get(day, Decimal(0)) for day in days if day >= first]
    if len(amounts) < LEAST_DAYS:
        return None
    return Usual(usd(statistics.median(amounts)), len(amounts))
