"""Budgets as the dashboard shows them: the newest state, brought to the window that holds now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dashboard.filters import Filters, Range
from dashboard.periods import Period, month_end
from ingest.attribution import BudgetScope
from ingest.governance.budgets import Budget
from ingest.governance.windows import Window, window_at
from ingest.money import ZERO

if TYPE_CHECKING:
    import pandas as pd

# The dimension of a budget's scope, and the filter that cuts the same.
_FILTERS = {"team": "teams", "provider": "providers", "model": "models", "key": "keys"}


@dataclass(frozen=True)
class BudgetRow:
    """A budget in its current window. `status` is open, warned or blocked; amounts are USD."""

    name: str
    scope: str
    dimensions: Mapping[str, str]
    period: str
    timezone: str
    status: str
    spent_usd: Decimal
    limit_usd: Decimal
    warn_at: tuple[Decimal, ...]
    start: datetime
    end: datetime | None

    @property
    def used(self) -> Decimal:
        """Spent as a share of the limit; a limit of nothing is used up."""
        return self.spent_usd / self.limit_usd if self.limit_usd else Decimal(1)

    def elapsed(self, now: datetime) -> Decimal | None:
        """How much of the window has passed, 0 to 1; None for a budget without an end."""
        if self.end is None:
            return None
        length = self.end - self.start
        passed = min(max(now - self.start, timedelta(0)), length)
        return Decimal(passed // timedelta(seconds=1)) / Decimal(length // timedelta(seconds=1))


@dataclass(frozen=True)
class Ceiling:
    """A limit that a month's spend can be held against: USD until `end`, and in words what it is.

    `counted_usd` is the balance of the budget itself, which holds only what was charged to it: a budget that was made in
    the middle of the month, or a past that was imported, leaves it below the spend.
    """

    limit_usd: Decimal
    start: datetime
    end: datetime
    label: str
    counted_usd: Decimal


def budget_rows(frame: pd.DataFrame, now: datetime) -> list[BudgetRow]:
    """From an answer to `CurrentBudgets`, fullest first.

    A state of a window that is over says nothing about the current one: until a call is charged to that, nothing is
    spent in it and it is open, which is how the gateways see it too.
    """
    rows = [_budget_row(record, now) for record in frame.to_dict("records")]
    return sorted(rows, key=lambda row: (-row.used, row.name))


def ceiling_of(
    filters: Filters, period: Period, rows: Collection[BudgetRow], teams_with_spend: Collection[str]
) -> Ceiling | None:
    """The monthly limit that the spend of `period` can be held against; None where none covers exactly this cut.

    With a filter, a budget of just that scope; without, the organisation's, or all teams' together if every team that
    spent has one. Only for the month to date, and budgets whose months turn with UTC, since the chart's do.
    """
    if filters.range != Range.MONTH_TO_DATE:
        return None
    monthly = [row for row in rows if row.period == "month" and row.timezone == "UTC"]
    end = month_end(period.start)
    exact = [row for row in monthly if _covers_exactly(row, filters)]
    if exact:
        tightest = min(exact, key=lambda row: (row.limit_usd, row.name))
        return Ceiling(tightest.limit_usd, period.start, end, f"budget {tightest.name}", tightest.spent_usd)
    if filters.is_narrowed or not teams_with_spend:
        return None
    by_team: dict[str, BudgetRow] = {}
    for row in monthly:
        if set(row.dimensions) == {"team"}:
            team = row.dimensions["team"]
            by_team[team] = min(by_team.get(team, row), row, key=lambda found: (found.limit_usd, found.name))
    if not set(teams_with_spend) <= set(by_team):
        return None
    limit = sum((row.limit_usd for row in by_team.values()), ZERO)
    counted = sum((row.spent_usd for row in by_team.values()), ZERO)
    return Ceiling(limit, period.start, end, "all teams' budgets", counted)


def _covers_exactly(row: BudgetRow, filters: Filters) -> bool:
    if not filters.is_narrowed:
        return set(row.dimensions) == {"org"}
    wanted = {
        dimension: getattr(filters, field) for dimension, field in _FILTERS.items() if getattr(filters, field)
    }
    return {dimension: (value,) for dimension, value in row.dimensions.items()} == wanted


def _budget_row(record: Mapping[Any, Any], now: datetime) -> BudgetRow:
    window = _current_window(record, now)
    is_current = window.id == record["window"]
    spent = record["spent_usd"] if is_current else ZERO
    status = record["status"] if is_current else "blocked" if not record["limit_usd"] else "open"
    return BudgetRow(
        name=record["name"],
        scope=record["scope"],
        dimensions=dict(record["scope_dimensions"]),
        period=record["period"],
        timezone=record["timezone"],
        status=status,
        spent_usd=spent,
        limit_usd=record["limit_usd"],
        warn_at=tuple(record["warn_at"]),
        start=window.start,
        end=window.end,
    )


def _current_window(record: Mapping[Any, Any], now: datetime) -> Window:
    budget = Budget(
        name=record["name"],
        scope=BudgetScope(**record["scope_dimensions"]),
        limit_usd=record["limit_usd"],
        window=record["period"],
        created_at=record["created_at"].to_pydatetime(),
        timezone=record["timezone"],
        epoch=int(record["epoch"]),
    )
    return window_at(budget, now)
