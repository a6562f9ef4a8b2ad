"""The models that cost most."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dash import html

from dashboard import components, formatting
from dashboard.cards.by_team import nothing
from dashboard.cards.card import Answers, Card, Nothing, Shown, View
from dashboard.components import Cell, Column
from dashboard.frames import records
from dashboard.periods import cut_of, previous_of
from ingest.money import ZERO
from warehouse.queries.query import Query
from warehouse.queries.spend import SpendTotals, TopModels

_SHOWN = 8
_COMPARED = 500
_MILLION = 1_000_000
_COLUMNS = (
    Column("Model"),
    Column("Cost", is_number=True),
    Column("Share", is_number=True),
    Column("Change", is_number=True, is_extra=True),
    Column("Calls", is_number=True, is_extra=True),
    Column("Tokens", is_number=True, is_extra=True),
    Column("per 1M", is_number=True, is_extra=True),
)


def questions(view: View) -> dict[str, Query]:
    """The models now and in the period before, and the whole that shares are of."""
    cut = cut_of(view.filters, view.period)
    asked: dict[str, Query] = {"models": TopModels(cut, _SHOWN), "totals": SpendTotals(cut)}
    if previous := previous_of(view.filters, view.period):
        asked["previous"] = TopModels(cut_of(view.filters, previous[0]), _COMPARED)
    return asked


def show(view: View, answers: Answers) -> Shown | Nothing:
    """Cost, share of the whole, change on the period before, calls, tokens and unit cost of each."""
    frame = answers["models"]
    if frame.empty:
        return nothing(view)
    total = answers["totals"].iloc[0]["cost_usd"]
    before = _costs(answers.get("previous"))
    rows = [_row(row, total, before) for row in records(frame)]
    previous = previous_of(view.filters, view.period)
    summary = f"Change is on {previous[1]}, up to the same hour." if previous else ""
    return Shown(summary=summary, body=components.table(_COLUMNS, rows, "Models by cost"))


def _costs(frame: Any) -> dict[tuple[str, str], Decimal]:
    if frame is None or frame.empty:
        return {}
    return {(row.provider, row.model): row.cost_usd for row in records(frame)}


def _row(row: Any, total: Decimal, before: dict[tuple[str, str], Decimal]) -> list[Cell]:
    tokens = int(row.input_tokens) + int(row.output_tokens)
    unpriced = int(row.unpriced_calls)
    model = formatting.name(row.model, "(no model)")
    name: list[Any] = [html.Span(model, className="name", title=model)]
    provider: list[Any] = [html.Span(row.provider, className="scope")]
    if unpriced:
        provider.append(components.badge(f"{formatting.count(unpriced)} unpriced", "warn", "warn"))
    name.append(html.Span(provider, className="who"))
    return [
        html.Span(name, className="model"),
        components.amount(row.cost_usd),
        components.share(row.cost_usd, total),
        formatting.change(row.cost_usd, before.get((row.provider, row.model), ZERO)),
        formatting.count(int(row.calls)),
        components.tokens(tokens),
        formatting.money(row.cost_usd * _MILLION / tokens) if tokens and not unpriced else formatting.MISSING,
    ]


CARD = Card(id="models", title="Top models", kind="seven", questions=questions, show=show)
