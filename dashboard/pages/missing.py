"""The page for addresses that are none."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboard.markup import attrs


def layout() -> Component:
    """What is shown, and the way back."""
    return html.Div(
        [
            html.H2("There is no such page.", className="card-title"),
            html.P(["Go to the ", html.A("Overview", href="/"), "."]),
        ],
        className="card card-full",
        **attrs(data_state="shown"),
    )
