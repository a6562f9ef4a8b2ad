"""What a page is."""

from __future__ import annotations

from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from dashboard.cards.card import Card
from dashboard.cards.frame import frame


@dataclass(frozen=True)
class Page:
    """A page under `path`, with its cards in reading order. `sign` is an icon of the style sheet."""

    path: str
    title: str
    sign: str
    cards: tuple[Card, ...]

    def layout(self) -> Component:
        """The cards' frames on the grid."""
        return html.Div([frame(card) for card in self.cards], className="grid")
