"""The shell's callbacks: address and filter bar, page, freshness, choices, SQL. Each is a few lines round pure code."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboard import components, controls, status
from dashboard.browser_side import wire_browser
from dashboard.cards import frame
from dashboard.cards.card import Card, View
from dashboard.filters import DEFAULT, Filters, Range, decode, encode
from dashboard.markup import attrs
from dashboard.pages import missing
from dashboard.pages.page import Page
from dashboard.palette import scheme_named
from dashboard.periods import cut_of, period_of
from dashboard.requests import request_id
from ingest.clock import Clock
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.filters import AvailableNames
from warehouse.queries.freshness import PipelineProgress, SimulatedCalls
from warehouse.queries.query import spelled_out
from warehouse.queries.spend import SpendTotals
from warehouse.reader import WarehouseReader

_log = logging.getLogger(__name__)

_OPTIONS_AGE_S = 25.0
_SIMULATED_AGE_S = 60.0
_DIMENSIONS = tuple(controls.DIMENSIONS)


def wire(app: Dash, pages: Sequence[Page], reader: WarehouseReader, clock: Clock) -> None:
    """Register every callback of the shell and of all cards of all pages."""
    cards = {card.id: card for page in pages for card in page.cards}

    def view_of(search: str | None, scheme: str | None) -> View | None:
        if search is None or scheme is None:
            return None
        return _view(search, scheme, clock.now())

    for card in cards.values():
        frame.register(app, card, reader, view_of)
    _wire_pages(app, pages)
    _wire_filters(app, clock)
    _wire_options(app, reader, clock)
    _wire_status(app, reader, clock)
    _wire_sql(app, cards, clock)
    wire_browser(app)


def _view(search: str, scheme: str, now: datetime) -> View:
    filters, _ = decode(search)
    return View(filters, period_of(filters, now), now, scheme_named(scheme))


def _wire_pages(app: Dash, pages: Sequence[Page]) -> None:
    by_path = {page.path: page for page in pages}

    @app.callback(Output("page", "children"), Output("page-title", "children"), Input("url", "pathname"))
    def show_page(path: str | None) -> tuple[Component, str]:
        page = by_path.get(path or "/")
        return (page.layout(), page.title) if page else (missing.layout(), "Not found")

    @app.callback(Output("navigation", "children"), Input("filters", "data"), Input("url", "pathname"))
    def show_navigation(search: str | None, path: str | None) -> list[Component]:
        return _navigation(pages, search or "", path or "/")


def _navigation(pages: Sequence[Page], search: str, path: str) -> list[Component]:
    """Links that keep the filters; the open page has its cards below it, to jump to."""
    links: list[Component] = []
    for page in pages:
        is_open = page.path == path
        links.append(
            html.A(
                [components.icon(page.sign), html.Span(page.title)],
                href=f"{page.path}{search}",
                className="nav-link",
                **(attrs(aria_current="page") if is_open else {}),
            )
        )
        if is_open:
            links += [
                html.A(card.title, href=f"#{card.id}", className="nav-sublink")
                for card in page.cards
                if not card.is_absent_at_first
            ]
    return links


def _wire_filters(app: Dash, clock: Clock) -> None:
    inputs = [
        Input("url", "search"),
        Input("reset", "n_clicks"),
        Input("range", "value"),
        Input("dates", "value"),
    ]
    inputs += [Input(f"{dimension}-filter", "value") for dimension in _DIMENSIONS]

    # One callback for both ways, so that neither answers the other without end.
    @app.callback(
        Output("url", "search"),
        Output("filters", "data"),
        Output("range", "value"),
        Output("dates", "value"),
        *(Output(f"{dimension}-filter", "value") for dimension in _DIMENSIONS),
        Output("dates-frame", "hidden"),
        Output("period", "children"),
        Output("filters-count", "data"),
        Output("link-notices", "data"),
        *inputs,
        State("filters", "data"),
    )
    def follow(search: str | None, _reset: int | None, *rest: Any) -> tuple[Any, ...]:
        *chosen, current = rest
        now = clock.now()
        filters, notices = _asked(ctx.triggered_id, search, chosen, current, now)
        return _followed(filters, notices, search, chosen, current, now)


def _asked(
    source: object, search: str | None, chosen: Sequence[Any], current: str | None, now: datetime
) -> tuple[Filters, tuple[str, ...]]:
    """The filters that whoever spoke last wants: the address, the reset button, or a control."""
    if source == "reset":
        return DEFAULT, ()
    if source in (None, "url") or current is None:
        return decode(search)
    names = dict(zip(_DIMENSIONS, chosen[2:], strict=True))
    shown = period_of(decode(current)[0], now)
    # Days stay in their field while another period is chosen, and mean something only for "Custom".
    return controls.filters_from_controls(chosen[0], chosen[1], names, shown)


def _followed(
    filters: Filters,
    notices: tuple[str, ...],
    search: str | None,
    chosen: Sequence[Any],
    current: str | None,
    now: datetime,
) -> tuple[Any, ...]:
    """What is so already is left alone: a control that is told its own value reports it as a change."""
    canonical = encode(filters)
    wanted = list(controls.control_values(filters).values())
    if canonical == current and not notices and decode(search)[0] == filters:
        raise PreventUpdate
    return (
        no_update if decode(search)[0] == filters else canonical,
        no_update if canonical == current else canonical,
        *(no_update if is_same(value, old) else value for value, old in zip(wanted, chosen, strict=True)),
        filters.range != Range.CUSTOM,
        f"{period_of(filters, now).describe()}, UTC",
        controls.in_words(filters),
        list(notices),
    )


def is_same(value: object, old: object) -> bool:
    """Whether a control shows `value` already; nothing chosen comes as an empty list, None or missing days."""
    return value == old or (not value and (not old or old == [None, None]))


def _wire_options(app: Dash, reader: WarehouseReader, clock: Clock) -> None:
    @app.callback(
        *(Output(f"{dimension}-filter", "data") for dimension in _DIMENSIONS),
        Output("name-notices", "data"),
        Input("filters", "data"),
        Input("refresh-options", "n_intervals"),
        on_error=_quietly("choices"),
    )
    def offer(search: str | None, _tick: int | None) -> tuple[Any, ...]:
        if search is None:
            raise PreventUpdate
        filters, _ = decode(search)
        everything = Filters(range=filters.range, first=filters.first, last=filters.last)
        cut = cut_of(everything, period_of(everything, clock.now()))
        frame = reader.read(AvailableNames(cut), max_age_s=_OPTIONS_AGE_S)
        choices = controls.options(frame, filters)
        return (*(choices[dimension] for dimension in _DIMENSIONS), list(controls.strangers(frame, filters)))

    @app.callback(Output("notices", "children"), Input("link-notices", "data"), Input("name-notices", "data"))
    def say(of_link: list[str] | None, of_names: list[str] | None) -> list[Component]:
        sentences = [*(of_link or []), *(of_names or [])]
        return [components.notice(sentences)] if sentences else []


def _wire_status(app: Dash, reader: WarehouseReader, clock: Clock) -> None:
    @app.callback(
        Output("freshness", "children"),
        Output("data-version", "data"),
        Input("refresh", "n_intervals"),
        Input("filters", "data"),
        State("data-version", "data"),
        on_error=lambda error: (_unknown(error), no_update),
    )
    def follow_data(_tick: int | None, search: str | None, version: str | None) -> tuple[Any, ...]:
        if search is None:
            raise PreventUpdate
        now = clock.now()
        filters, _ = decode(search)
        cut = cut_of(filters, period_of(filters, now))
        progress = reader.read(PipelineProgress())
        line = status.status_line(
            progress,
            reader.read(SpendTotals(cut)),
            reader.read(SimulatedCalls(cut), max_age_s=_SIMULATED_AGE_S),
            now,
        )
        newest = status.version_of(progress, reader.read(CurrentBudgets()), now)
        return line, no_update if newest == version else newest


def _unknown(error: Exception) -> list[Component]:
    _log.warning("freshness, request %s: %.500s", request_id(), error)
    return [components.badge(frame.explain(error), "bad", "stop")]


def _wire_sql(app: Dash, cards: Mapping[str, Card], clock: Clock) -> None:
    @app.callback(
        Output("sql-dialogue", "opened"),
        Output("sql-title", "children"),
        Output("sql", "children"),
        Input({"type": "show-sql", "card": ALL}, "n_clicks"),
        State("filters", "data"),
        State("colours", "data"),
        prevent_initial_call=True,
    )
    def show_sql(clicks: list[int | None], search: str | None, scheme: str | None) -> tuple[Any, ...]:
        source = ctx.triggered_id
        card = cards.get(source.get("card", "")) if isinstance(source, dict) else None
        # Buttons that have just come onto the page report, too, that nobody has pressed them.
        if card is None or search is None or not any(clicks) or not ctx.triggered[0]["value"]:
            raise PreventUpdate
        view = _view(search, scheme or "light", clock.now())
        return True, f"SQL of {card.title}", sql_of(card, view)


def sql_of(card: Card, view: View) -> list[Component]:
    """Every question of the card, ready to be pasted into a ClickHouse client."""
    blocks: list[Component] = [
        html.P(
            "Run it in any ClickHouse client. Values are parameters, bound by the server.",
            className="sql-note",
        )
    ]
    for name, query in card.questions(view).items():
        blocks += [
            html.H3(name, className="sql-name"),
            components.code_block(spelled_out(query), f"SQL: {name}"),
        ]
    return blocks


def _quietly(what: str) -> Any:
    def handle(error: Exception) -> None:
        _log.warning("%s, request %s: %.500s", what, request_id(), error)

    return handle
