"""The keys that cost most."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import components, formatting
from dashboard.cards.by_team import nothing
from dashboard.cards.card import Answers, Card, Nothing, Shown, View
from dashboard.components import Cell, Column
from dashboard.frames import records, texts
from dashboard.palette import team_colours
from dashboard.periods import cut_of
from warehouse.queries.filters import TeamsBySeniority
from warehouse.queries.query import Query
from warehouse.queries.spend import SpendTotals, TopKeys

_SHOWN = 10
_COLUMNS = (
    Column("Key"),
    Column("Team"),
    Column("Cost", is_number=True),
    Column("Share", is_number=True),
    Column("Calls", is_number=True, is_extra=True),
    Column("Refused", is_number=True, is_extra=True),
    Column("Input tokens", is_number=True, is_extra=True),
    Column("Output tokens", is_number=True, is_extra=True),
    Column("Last call", is_extra=True),
)


def questions(view: View) -> dict[str, Query]:
    """The keys, the whole that shares are of, and all teams for their colours."""
    cut = cut_of(view.filters, view.period)
    return {"keys": TopKeys(cut, _SHOWN), "totals": SpendTotals(cut), "teams": TeamsBySeniority()}


def show(view: View, answers: Answers) -> Shown | Nothing:
    """One row a key, by its id: the key itself is stored nowhere."""
    frame = answers["keys"]
    if frame.empty:
        return nothing(view)
    total = answers["totals"].iloc[0]["cost_usd"]
    colours = team_colours(texts(answers["teams"], "team"), view.scheme)
    rows = [_row(row, total, colours, view) for row in records(frame)]
    return Shown(
        summary="By id: keys themselves are stored nowhere.",
        body=components.table(_COLUMNS, rows, "Keys by cost"),
    )


def _row(row: Any, total: Decimal, colours: dict[str, str], view: View) -> list[Cell]:
    last = row.last_call_at.to_pydatetime()
    team = html.Span(
        [components.swatch(colours.get(row.team, "transparent")), formatting.name(row.team, "(no team)")],
        className="who",
    )
    return [
        _key(row.key_id),
        team,
        components.amount(row.cost_usd),
        components.share(row.cost_usd, total),
        formatting.count(int(row.calls)),
        formatting.count(int(row.refused_calls)),
        components.tokens(int(row.input_tokens)),
        components.tokens(int(row.output_tokens)),
        html.Span(formatting.age(last, view.now), title=f"{formatting.day_and_time(last)} UTC"),
    ]


def _key(key_id: str) -> Component:
    """Whole where there is room, else its two ends; ids made at about the same time begin alike."""
    if not key_id:
        return html.Span("(no key)", className="scope")
    short = f"{key_id[:6]}…{key_id[-6:]}" if len(key_id) > 14 else key_id
    return html.Code(
        [html.Span(key_id, className="wide-only"), html.Span(short, className="narrow-only")],
        className="key-id",
        title=key_id,
    )


CARD = Card(id="keys", title="Top keys", kind="full", questions=questions, show=show)
