"""The shell's callbacks that need no server: the link to copy, the theme, the menu and the filters of a small screen."""

from __future__ import annotations

from dash import Dash, Input, Output

from dashboard.markup import in_browser


def wire_browser(app: Dash) -> None:
    """Register them; each is one expression, and the policy allows it by its hash."""
    in_browser(
        app,
        "(href, search) => { const u = new URL(href); if (search) { u.search = search; } u.hash = ''; return u.href; }",
        Output("copy-link", "value"),
        Input("url", "href"),
        Input("filters", "data"),
    )
    # "auto" follows the system: which theme that is, and when it changes, only the document knows (spendstream.js).
    in_browser(
        app,
        "() => document.documentElement.getAttribute('data-mantine-color-scheme') || 'light'",
        Output("colours", "data"),
        Input("colours-toggle", "computedColorScheme"),
    )
    in_browser(
        app,
        "(opened) => ({width: 216, breakpoint: 'md', collapsed: {mobile: !opened}})",
        Output("shell", "navbar"),
        Input("menu", "opened"),
    )
    in_browser(
        app,
        "(clicks) => clicks % 2 ? ['true', 'true'] : ['false', 'false']",
        Output("filter-panel", "data-open"),
        Output("filters-toggle", "aria-expanded"),
        Input("filters-toggle", "n_clicks"),
    )
    in_browser(
        app,
        "(words) => words || 'Filters'",
        Output("filters-words", "children"),
        Input("filters-count", "data"),
    )
    in_browser(app, "() => false", Output("menu", "opened"), Input("url", "href"))
