"""Every budget as a bullet bar: spent, limit, thresholds, how far its window is, and when it resets."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from dash import html
from dash.development.base_component import Component

from dashboard import components, formatting
from dashboard.budget_rows import BudgetRow, budget_rows
from dashboard.cards.card import Answers, Card, Nothing, Shown, View
from dashboard.markup import attrs
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.query import Query

_STATUS = {
    "blocked": ("blocked", "bad", "stop"),
    "warned": ("warned", "warn", "warn"),
    "open": ("open", "good", "check"),
}
_ROOM = Decimal("1.25")
"""A bar shows up to this share of the limit, so that an overshoot can be seen."""


def questions(view: View) -> dict[str, Query]:  # noqa: ARG001 - budgets stand as they stand, whatever the filters
    """All budgets: their windows are their own."""
    return {"budgets": CurrentBudgets()}


def show(view: View, answers: Answers) -> Shown | Nothing:
    """Fullest first. With a filter by team, only that team's budgets and those that cover all teams."""
    rows = [row for row in budget_rows(answers["budgets"], view.now) if _concerns(row, view)]
    if not rows:
        return Nothing(
            "No budget covers this." if view.filters.is_narrowed else "No budgets yet.",
            "Set one with: spendstream budgets set NAME --team TEAM --limit 500 --window month",
        )
    return Shown(
        summary=_summary(rows),
        body=html.Ul([_bullet(row, view.now) for row in rows], className="bullets"),
    )


def _concerns(row: BudgetRow, view: View) -> bool:
    team = row.dimensions.get("team")
    return not view.filters.teams or team is None or team in view.filters.teams


def _summary(rows: list[BudgetRow]) -> str:
    counts = {status: sum(row.status == status for row in rows) for status in ("blocked", "warned", "open")}
    return ", ".join(f"{number} {status}" for status, number in counts.items() if number)


def _bullet(row: BudgetRow, now: datetime) -> Component:
    text, tone, sign = _STATUS.get(row.status, (row.status, "calm", ""))
    return html.Li(
        [
            html.Div(
                [
                    html.Span(
                        [html.Strong(row.name), html.Span(row.scope, className="scope")], className="who"
                    ),
                    components.badge(text, tone, sign),
                ],
                className="bullet-head",
            ),
            _bar(row, now, tone),
            html.Div(
                [
                    html.Span(
                        [
                            components.amount(row.spent_usd),
                            " of ",
                            components.amount(row.limit_usd),
                            f" ({formatting.percent(row.spent_usd, row.limit_usd)})",
                        ]
                    ),
                    html.Span(_until(row, now), title=_window_title(row)),
                ],
                className="bullet-foot",
            ),
        ],
        **attrs(data_budget=row.name, data_status=row.status),
    )


def _bar(row: BudgetRow, now: datetime, tone: str) -> Component:
    """Widths are shares of the limit; the mark of the limit stands at its end, thresholds before it."""
    room = _ROOM if row.used > 1 else Decimal(1)
    marks = [
        html.Span(
            className="threshold", style={"left": _width(share / room)}, title=f"warns at {share * 100:.0f} %"
        )
        for share in row.warn_at
        if share < 1
    ]
    elapsed = row.elapsed(now)
    pace = (
        [
            html.Span(
                className="pace", style={"left": _width(elapsed / room)}, title="an even pace would be here"
            )
        ]
        if elapsed is not None
        else []
    )
    label = f"{row.name}: {formatting.percent(row.spent_usd, row.limit_usd)} of the limit spent"
    return html.Div(
        [
            html.Span(className=f"spent spent-{tone}", style={"width": _width(row.used / room)}),
            *marks,
            *pace,
            html.Span(className="limit", style={"left": _width(1 / room)}),
        ],
        className="bullet-bar",
        role="img",
        **attrs(aria_label=label),
    )


def _width(share: Decimal) -> str:
    return f"{min(max(share, Decimal(0)), Decimal(1)) * 100:.2f}%"


def _until(row: BudgetRow, now: datetime) -> str:
    if row.end is None:
        return "never resets"
    return f"resets in {formatting.duration(row.end - now)}"


def _window_title(row: BudgetRow) -> str:
    start = f"since {formatting.day_and_time(row.start)} UTC"
    if row.end is None:
        return start
    zone = "" if row.timezone == UTC.tzname(None) else f"; its {row.period} turns in {row.timezone}"
    return f"{start}, resets {formatting.day_and_time(row.end)} UTC{zone}"


CARD = Card(id="budgets", title="Budgets", kind="third", questions=questions, show=show)
