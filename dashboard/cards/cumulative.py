"""The running total of the period, against the monthly budget where one covers exactly what is shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from dash.development.base_component import Component

from dashboard import components, formatting
from dashboard.budget_rows import Ceiling, budget_rows, ceiling_of
from dashboard.cards.by_team import nothing
from dashboard.cards.card import Answers, Card, Nothing, Shown, View
from dashboard.cards.kpis import teams_that_spent
from dashboard.components import Cell, Column
from dashboard.figures import cumulative_spend, running_total
from dashboard.filters import Range
from dashboard.periods import cut_of
from ingest.money import usd
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.query import Query
from warehouse.queries.spend import Bucket, SpendOverTime, TopTeams

_DAYS_OF_HOURS = 31


def questions(view: View) -> dict[str, Query]:
    """Spend by hour, the budgets, and who spent (whether all their budgets together cover it)."""
    cut = cut_of(view.filters, view.period)
    return {
        "spend": SpendOverTime(cut, _size(view)),
        "budgets": CurrentBudgets(),
        "teams": TopTeams(cut),
    }


def show(view: View, answers: Answers) -> Shown | Nothing:
    """The line, how far ahead of an even pace it is, and the total at the end of each day as a table."""
    if answers["spend"].empty:
        return nothing(view)
    rows = budget_rows(answers["budgets"], view.now)
    ceiling = ceiling_of(view.filters, view.period, rows, teams_that_spent(answers["teams"]))
    points = running_total(answers["spend"], view.period, _size(view))
    return Shown(
        summary=_summary(view, points[-1][1], ceiling),
        figure=cumulative_spend(points, view.period, ceiling, view.scheme),
        table=_table(points),
    )


def _size(view: View) -> Bucket:
    """Hours, up to a month of them: more points would cost more than they show."""
    return Bucket.HOUR if view.period.days <= _DAYS_OF_HOURS else Bucket.DAY


def _summary(view: View, total: Decimal, ceiling: Ceiling | None) -> str:
    preposition = "on" if view.period.days == 1 else "in"
    spent = f"{formatting.money(total)} {preposition} {view.period.describe()}"
    if ceiling is None:
        missing = (
            "; no monthly budget covers all of this" if view.filters.range == Range.MONTH_TO_DATE else ""
        )
        return f"{spent}{missing}."
    passed = Decimal((view.now - ceiling.start) // timedelta(seconds=1))
    length = Decimal((ceiling.end - ceiling.start) // timedelta(seconds=1))
    even = usd(ceiling.limit_usd * passed / length)
    gap = total - even
    where = f"{formatting.money(abs(gap))} {'above' if gap > 0 else 'below'} an even pace"
    return f"{formatting.percent(total, ceiling.limit_usd)} of {formatting.money(ceiling.limit_usd)} spent, {where}."


def _table(points: list[tuple[datetime, Decimal]]) -> Component:
    by_day = {instant.date(): (instant, amount) for instant, amount in points}
    rows: list[list[Cell]] = [
        [formatting.day(instant), components.amount(amount)] for instant, amount in by_day.values()
    ]
    return components.table(
        [Column("By the end of (UTC)"), Column("spent", is_number=True)], rows, "Running total, USD"
    )


CARD = Card(
    id="cumulative",
    title="Running total",
    kind="five",
    questions=questions,
    show=show,
    has_chart=True,
)
