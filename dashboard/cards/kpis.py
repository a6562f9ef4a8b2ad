"""The figures at the head of a page: spend against the budget, today against the usual, calls, unit cost, data quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from dash import html
from dash.development.base_component import Component

from dashboard import components, formatting
from dashboard.budget_rows import Ceiling, budget_rows, ceiling_of
from dashboard.cards.card import Answers, Card, Shown, View
from dashboard.comparison import LEAST_DAYS, WEEKS, usual_by_now, weekday_name
from dashboard.filters import Filters, Range
from dashboard.frames import records
from dashboard.periods import Period, cut_of, period_of, previous_of
from ingest.money import ZERO
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.query import Query
from warehouse.queries.spend import SpendOnWeekday, SpendTotals, TopTeams

if TYPE_CHECKING:
    import pandas as pd

_MILLION = 1_000_000
_LAG = Decimal("0.02")
"""A balance and a sum are read a moment apart; a smaller difference is not worth a word."""


@dataclass(frozen=True)
class Totals:
    """One row of `SpendTotals`, as Python numbers."""

    calls: int
    refused_calls: int
    failed_calls: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_usd: Decimal
    unpriced_calls: int
    estimated_calls: int


def totals_of(frame: pd.DataFrame) -> Totals:
    """From an answer to `SpendTotals`."""
    if frame.empty:
        return Totals(0, 0, 0, 0, 0, 0, ZERO, 0, 0)
    row = frame.iloc[0]
    counts = {name: int(row[name]) for name in frame.columns if name != "cost_usd"}
    return Totals(**counts, cost_usd=row["cost_usd"])


def teams_that_spent(frame: pd.DataFrame) -> list[str]:
    """From an answer to `TopTeams`: the teams with any cost."""
    return [row.team for row in records(frame) if row.cost_usd > 0]


def questions(view: View) -> dict[str, Query]:
    """Totals of the period and of the one before, of today and of the same weekdays, the budgets and who spent."""
    today = _today(view)
    asked: dict[str, Query] = {
        "totals": SpendTotals(cut_of(view.filters, view.period)),
        "today": SpendTotals(cut_of(view.filters, today)),
        "weekdays": SpendOnWeekday(
            cut_of(view.filters, Period(today.start - timedelta(weeks=WEEKS), today.start, view.now)),
            weekday=view.now.isoweekday(),
            hour=view.now.hour,
        ),
        "budgets": CurrentBudgets(),
        "teams": TopTeams(cut_of(view.filters, view.period)),
    }
    if previous := previous_of(view.filters, view.period):
        asked["previous"] = SpendTotals(cut_of(view.filters, previous[0]))
    return asked


def show(view: View, answers: Answers) -> Shown:
    """Six tiles; without calls they hold zeros and dashes."""
    totals = totals_of(answers["totals"])
    spenders = teams_that_spent(answers["teams"])
    ceiling = ceiling_of(view.filters, view.period, budget_rows(answers["budgets"], view.now), spenders)
    return Shown(
        body=[
            _spend_tile(view, totals, ceiling, answers),
            _today_tile(view, answers),
            _calls_tile(totals),
            _unit_cost_tile(totals),
            _cache_tile(totals),
            _quality_tile(totals),
        ]
    )


def _today(view: View) -> Period:
    return period_of(Filters(range=Range.TODAY), view.now)


def _spend_tile(
    view: View, totals: Totals, ceiling: Ceiling | None, answers: Mapping[str, pd.DataFrame]
) -> Component:
    total = components.amount(totals.cost_usd, id="total-spend")
    title = {
        Range.MONTH_TO_DATE: "Spend, month to date",
        Range.TODAY: "Spend today",
        Range.WEEK: "Spend, last 7 days",
        Range.MONTH: "Spend, last 30 days",
        Range.CUSTOM: "Spend in the period",
    }[view.filters.range]
    notes: list[Component | str] = []
    if ceiling:
        notes += _on_ceiling(totals.cost_usd, ceiling)
    previous = previous_of(view.filters, view.period)
    if previous and "previous" in answers:
        notes += _on_previous(totals.cost_usd, totals_of(answers["previous"]).cost_usd, previous[1])
    return _tile(title, total, notes, kind="hero")


def _on_ceiling(spent: Decimal, ceiling: Ceiling) -> list[Component]:
    share = spent / ceiling.limit_usd if ceiling.limit_usd else Decimal(1)
    note = f"{formatting.percent(spent, ceiling.limit_usd)} of {formatting.money(ceiling.limit_usd)} ({ceiling.label})"
    notes = [components.share_bar(float(share)), html.Span(note)]
    if spent - ceiling.counted_usd > spent * _LAG:
        why = "What was spent before the budget was made, and what was imported, is not charged to it."
        notes.append(
            html.Span(f"{formatting.money(ceiling.counted_usd)} of it charged to the budget", title=why)
        )
    return notes


def _on_previous(spent: Decimal, before: Decimal, name: str) -> list[Component]:
    if not before:
        return [html.Span(f"nothing on {name}")] if spent else []
    note = f"{formatting.change(spent, before)} on {name} ({formatting.money(before)})"
    return [html.Span(note, title="up to the same hour")]


def _today_tile(view: View, answers: Answers) -> Component:
    spent = totals_of(answers["today"]).cost_usd
    usual = usual_by_now(answers["weekdays"], view.now)
    if usual is None:
        note = f"no usual yet: needs {LEAST_DAYS} earlier {weekday_name(view.now)}"
    else:
        note = (
            f"{formatting.change(spent, usual.amount)} on {formatting.money(usual.amount)},"
            f" usual by now on {weekday_name(view.now)}"
        )
    title = (
        f"the median of the last {usual.days} {weekday_name(view.now)} by this time of day" if usual else ""
    )
    return _tile("Today", components.amount(spent), [html.Span(note, title=title)])


def _calls_tile(totals: Totals) -> Component:
    parts = [
        f"{formatting.count(totals.refused_calls)} refused",
        f"{formatting.count(totals.failed_calls)} failed or broken off",
    ]
    return _tile("Calls", html.Span(formatting.count(totals.calls)), [html.Span(", ".join(parts))])


def _unit_cost_tile(totals: Totals) -> Component:
    count = totals.input_tokens + totals.output_tokens
    if not count:
        return _tile("Cost per 1M tokens", html.Span(formatting.MISSING), [html.Span("no tokens")])
    answered = totals.calls - totals.refused_calls - totals.failed_calls
    parts = [f"{formatting.short_count(count)} tokens"]
    if answered > 0:
        parts.append(f"{formatting.money(totals.cost_usd / answered)} an answered call")
    title = (
        f"{formatting.exact_usd(totals.cost_usd)} USD for {formatting.count(totals.input_tokens)} input and"
        f" {formatting.count(totals.output_tokens)} output tokens"
    )
    value = html.Span(formatting.money(totals.cost_usd * _MILLION / count), title=title)
    return _tile("Cost per 1M tokens", value, [html.Span(", ".join(parts))])


def _cache_tile(totals: Totals) -> Component:
    value = html.Span(formatting.percent(totals.cache_read_tokens, totals.input_tokens))
    note = (
        f"{formatting.short_count(totals.cache_read_tokens)} of {formatting.short_count(totals.input_tokens)}"
    )
    return _tile("Cached input", value, [html.Span(f"{note} input tokens read from cache")])


def _quality_tile(totals: Totals) -> Component:
    note = f"{formatting.percent(totals.estimated_calls, totals.calls)} of calls with estimated tokens"
    if totals.calls == 0:
        note = "no calls"
    value = html.Span(formatting.count(totals.unpriced_calls), id="unpriced-calls")
    kind = "concern" if totals.unpriced_calls else ""
    title = (
        "Calls that used tokens of a model without a known price. Their cost is unknown, and not in any sum."
    )
    return _tile("Unpriced calls", value, [html.Span(note)], kind=kind, title=title)


def _tile(
    heading: str, value: Component, notes: list[Component | str], kind: str = "", title: str = ""
) -> Component:
    return html.Div(
        [
            html.H2(heading, className="tile-title", title=title),
            html.Div(value, className="tile-value"),
            html.Div(notes, className="tile-notes"),
        ],
        className=f"tile {kind}".strip(),
    )


CARD = Card(id="kpis", title="Key figures", kind="kpis", questions=questions, show=show)
