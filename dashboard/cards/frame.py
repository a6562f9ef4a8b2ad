"""A card on the page: its frame, and the callback that fills it.

The frame stands from the start and keeps its size; a callback changes what is in it, never the frame, so that nothing
jumps and charts are redrawn in place. `data-state` (loading, shown, empty, error, absent) drives the style sheet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State, html, no_update, set_props
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboard import components
from dashboard.cards.card import Absent, Card, Nothing, Shown, View
from dashboard.markup import attrs, in_browser
from dashboard.requests import request_id
from ingest.errors import SpendstreamError, Unavailable
from warehouse.errors import SchemaMissing
from warehouse.reader import WarehouseReader

_log = logging.getLogger(__name__)

ViewOf = Callable[[str | None, str | None], View | None]
"""From the canonical query string and the colour scheme to the view; None while the page does not know them yet."""


def frame(card: Card) -> Component:
    """The card before its first answer."""
    tools = [
        components.icon_button(
            {"type": "show-sql", "card": card.id}, "code", f"Show the SQL of {card.title}", "SQL"
        )
    ]
    if card.has_chart:
        tools.insert(
            0,
            components.icon_button(f"{card.id}-as-table", "table", f"Show {card.title} as a table", "Table"),
        )
    return html.Section(
        [
            html.Header(
                [
                    html.Div(
                        [
                            html.H2(card.title, id=f"{card.id}-title", className="card-title"),
                            html.P(id=f"{card.id}-summary", className="card-summary"),
                        ]
                    ),
                    html.Div(tools, className="card-tools"),
                ],
                className="card-head",
            ),
            html.Div(
                [
                    components.skeleton(),
                    html.Div(
                        [
                            html.Div(id=f"{card.id}-message", role="status"),
                            html.Button("Try again", id=f"{card.id}-retry", className="retry", n_clicks=0),
                        ],
                        className="card-message",
                    ),
                    *_content(card),
                ],
                className="card-content",
            ),
        ],
        id=card.id,
        className=f"card card-{card.kind}",
        **attrs(
            aria_labelledby=f"{card.id}-title",
            data_state="absent" if card.is_absent_at_first else "loading",
            data_shown="chart" if card.has_chart else "body",
        ),
    )


def _content(card: Card) -> list[Component]:
    if not card.has_chart:
        return [html.Div(id=f"{card.id}-body", className="card-body")]
    return [
        html.Div(
            id=f"{card.id}-chart",
            className="card-chart",
            role="img",
            **attrs(aria_labelledby=f"{card.id}-title", aria_describedby=f"{card.id}-summary"),
        ),
        html.Div(id=f"{card.id}-table", className="card-table"),
    ]


def register(app: Dash, card: Card, reader: WarehouseReader, view_of: ViewOf) -> None:
    """Fill the card whenever the filters, the data or the colours change, or somebody tries again."""
    parts = ["chart", "table"] if card.has_chart else ["body"]

    @app.callback(
        Output(card.id, "data-state"),
        *(Output(f"{card.id}-{part}", "children") for part in ("message", "summary", *parts)),
        Input("filters", "data"),
        Input("data-version", "data"),
        Input("colours", "data"),
        Input(f"{card.id}-retry", "n_clicks"),
        State(card.id, "data-state"),
        on_error=lambda error: failure(card, error),
    )
    def fill(
        search: str | None, _version: str | None, scheme: str | None, _retries: int | None, before: str
    ) -> tuple[Any, ...]:
        view = view_of(search, scheme)
        if view is None:
            raise PreventUpdate
        return outputs(card, ask(card, reader, view), has_graph=before == "shown")

    if card.has_chart:
        _register_table_switch(app, card)


def ask(card: Card, reader: WarehouseReader, view: View) -> Shown | Nothing | Absent:
    """The card's questions answered, and what it makes of that."""
    return card.show(view, {name: reader.read(query) for name, query in card.questions(view).items()})


def outputs(card: Card, shown: Shown | Nothing | Absent, has_graph: bool) -> tuple[Any, ...]:
    """What the callback returns: state, message, summary, and the chart with its table or the body.

    A graph that is on the page gets its new figure by itself: given anew as a child it would be torn down and flicker.
    Before there is a figure there is no graph, which would only draw axes round nothing.
    """
    if isinstance(shown, Absent):
        return ("absent", [], "", *_empty(card))
    if isinstance(shown, Nothing):
        return ("empty", components.message(shown.reason, shown.advice), "", *_empty(card))
    if not card.has_chart:
        return ("shown", [], shown.summary, shown.body)
    identity = f"{card.id}-graph"
    if has_graph:
        set_props(identity, {"figure": shown.figure})
        return ("shown", [], shown.summary, no_update, shown.table)
    return ("shown", [], shown.summary, components.graph(identity, shown.figure), shown.table)


def failure(card: Card, error: Exception) -> tuple[Any, ...]:
    """The card's own error: others go on. What is not an error of ours is a fault, and told in the log only."""
    identity = request_id()
    if isinstance(error, SpendstreamError):
        _log.warning("card %s, request %s: %.500s", card.id, identity, error)
    else:
        _log.error("card %s, request %s", card.id, identity, exc_info=error)
    if card.is_absent_at_first:  # what nobody waits for need not say why it does not come
        return ("absent", [], "", *_empty(card))
    said = components.message(explain(error), "The log says more.", f"Request {identity}")
    return ("error", said, "", *_empty(card))


def explain(error: Exception) -> str:
    """For the viewer. Addresses, SQL and what a driver says stay in the log."""
    if isinstance(error, SchemaMissing):
        return "The warehouse has no tables yet; the worker makes them when it starts."
    if isinstance(error, Unavailable):
        return "The warehouse does not answer just now."
    if isinstance(error, SpendstreamError):
        return "The warehouse refused the question."
    return "This could not be shown: a fault of the dashboard."


def _empty(card: Card) -> tuple[list[Component], ...]:
    return ([], []) if card.has_chart else ([],)


def _register_table_switch(app: Dash, card: Card) -> None:
    in_browser(
        app,
        "(clicks) => clicks % 2 ? ['table', 'true'] : ['chart', 'false']",
        Output(card.id, "data-shown"),
        Output(f"{card.id}-as-table", "aria-pressed"),
        Input(f"{card.id}-as-table", "n_clicks"),
    )
