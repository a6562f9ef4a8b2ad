"""The Overview: what was spent, against which budget, by whom and on what."""

from __future__ import annotations

from dashboard.cards import budgets, by_team, cumulative, keys, kpis, models, welcome
from dashboard.pages.page import Page


def create_page(gateway_url: str) -> Page:
    """The page; `gateway_url` is told to who has not made a call yet."""
    return Page(
        path="/",
        title="Overview",
        sign="overview",
        cards=(
            welcome.create_card(gateway_url),
            kpis.CARD,
            by_team.CARD,
            budgets.CARD,
            cumulative.CARD,
            models.CARD,
            keys.CARD,
        ),
    )
