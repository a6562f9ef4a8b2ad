"""Spend of each day (or hour) by team, as stacked bars."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from dash.development.base_component import Component

from dashboard import components, formatting
from dashboard.cards.card import Answers, Card, Nothing, Shown, View
from dashboard.components import Cell, Column
from dashboard.figures import OTHER_TEAMS, spend_by_team, team_series
from dashboard.frames import texts
from dashboard.palette import team_colours
from dashboard.periods import cut_of
from ingest.money import ZERO
from warehouse.queries.filters import TeamsBySeniority
from warehouse.queries.query import Query
from warehouse.queries.spend import Bucket, SpendByTeam

_Series = dict[str, dict[datetime, Decimal]]


def questions(view: View) -> dict[str, Query]:
    """Who spent when; and all teams, since a team's colour follows from its place among them."""
    return {
        "spend": SpendByTeam(cut_of(view.filters, view.period), view.period.bucket),
        "teams": TeamsBySeniority(),
    }


def show(view: View, answers: Answers) -> Shown | Nothing:
    """The chart, its highest bar and dearest team in words, and its numbers as a table."""
    frame = answers["spend"]
    if frame.empty:
        return nothing(view)
    series = team_series(frame)
    colours = team_colours(texts(answers["teams"], "team"), view.scheme)
    return Shown(
        summary=_summary(view, series),
        figure=spend_by_team(frame, view.period, colours, view.scheme),
        table=_table(view, series),
    )


def nothing(view: View) -> Nothing:
    """What a card of the period says when there was no call in it."""
    if view.filters.is_narrowed:
        return Nothing("No calls match the filters.", "Reset the filters, or choose a longer period.")
    return Nothing("No calls in this period.", "Choose a longer period.")


def label_of(team: str) -> str:
    """A team's name as charts and tables show it."""
    return "other teams" if team == OTHER_TEAMS else formatting.name(team, "(no team)")


def _summary(view: View, series: _Series) -> str:
    by_bucket: dict[datetime, Decimal] = {}
    for amounts in series.values():
        for bucket, amount in amounts.items():
            by_bucket[bucket] = by_bucket.get(bucket, ZERO) + amount
    total = sum(by_bucket.values(), ZERO)
    dearest = max(series, key=lambda team: sum(series[team].values(), ZERO))
    share = formatting.percent(sum(series[dearest].values(), ZERO), total)
    highest = max(by_bucket, key=lambda bucket: by_bucket[bucket])
    return (
        f"{label_of(dearest)} spent most, {share} of {formatting.money(total)}."
        f" Highest {view.period.bucket}: {_when(highest, view.period.bucket)}, {formatting.money(by_bucket[highest])}."
    )


def _table(view: View, series: _Series) -> Component:
    buckets = sorted({bucket for amounts in series.values() for bucket in amounts})
    columns = [Column("UTC"), *(Column(label_of(team), is_number=True) for team in series)]
    rows: list[list[Cell]] = [
        [
            _when(bucket, view.period.bucket),
            *(components.amount(amounts.get(bucket, ZERO)) for amounts in series.values()),
        ]
        for bucket in buckets
    ]
    return components.table(columns, rows, "Spend by time and team, USD")


def _when(bucket: datetime, size: Bucket) -> str:
    return formatting.day(bucket) if size == Bucket.DAY else formatting.day_and_time(bucket)


CARD = Card(
    id="by-team",
    title="Spend by team",
    kind="two-thirds",
    questions=questions,
    show=show,
    has_chart=True,
)
