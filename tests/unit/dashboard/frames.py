"""Answers of the warehouse for tests, and a reader that gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from dashboard.cards.card import View
from dashboard.filters import Filters
from dashboard.palette import LIGHT, Scheme
from dashboard.periods import period_of
from ingest.money import usd
from warehouse.queries.query import Query
from warehouse.queries.spend import SpendTotals

NOW = datetime(2026, 11, 24, 10, 42, 7, tzinfo=UTC)


def at(day: int, hour: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def frame(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """As the reader gives it: instants aware, money Decimal."""
    found = list(rows)
    if not found:
        return pd.DataFrame(columns=list(columns))
    return pd.DataFrame([[_as_read(value) for value in row] for row in found], columns=list(columns))


def totals(**changes: Any) -> pd.DataFrame:
    """An answer to `SpendTotals`: nothing was called, unless `changes` say otherwise."""
    row: dict[str, Any] = dict.fromkeys(SpendTotals.columns, 0)
    row |= {"cost_usd": usd(0), **changes}
    return frame(SpendTotals.columns, [list(row.values())])


def budget(**changes: Any) -> dict[str, Any]:
    """A row of `CurrentBudgets`: $100 a month for the team search, $40 spent."""
    row: dict[str, Any] = {
        "name": "search-month",
        "scope": "team search",
        "scope_dimensions": {"team": "search"},
        "period": "month",
        "timezone": "UTC",
        "mode": "soft",
        "epoch": 0,
        "window": "0/2026-11-01T00:00:00Z",
        "status": "open",
        "spent_usd": usd("40"),
        "limit_usd": usd("100"),
        "overshoot_usd": usd("0"),
        "until": at(1, month=12),
        "warn_at": [Decimal("0.5"), Decimal("0.8"), Decimal("1")],
        "created_at": at(3, month=9),
        "changed_at": at(24, 10),
    }
    return row | changes


def budgets(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """An answer to `CurrentBudgets`."""
    return frame(list(budget()), [list(row.values()) for row in rows])


def view(filters: Filters | None = None, scheme: Scheme = LIGHT, now: datetime = NOW) -> View:
    chosen = filters or Filters()
    return View(chosen, period_of(chosen, now), now, scheme)


class FakeReader:
    """Answers by the type of the question: a frame, or an error to raise. Others have no rows."""

    def __init__(self, answers: Mapping[type, pd.DataFrame | Exception] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[Query] = []

    def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:  # noqa: ARG002 - keeps nothing
        self.asked.append(query)
        answer = self.answers.get(type(query))
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            return totals() if isinstance(query, SpendTotals) else pd.DataFrame(columns=list(query.columns))
        return answer


def texts(component: Any) -> str:
    """All the text of a component, as one line."""
    if isinstance(component, str):
        return component
    if isinstance(component, list | tuple):
        return " ".join(part for part in map(texts, component) if part)
    return texts(getattr(component, "children", None) or [])


def _as_read(value: Any) -> Any:
    return pd.Timestamp(value) if isinstance(value, datetime) else value
