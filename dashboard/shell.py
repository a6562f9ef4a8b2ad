"""What stands round every page: the head with theme and link, navigation, the filter bar, freshness, the SQL dialogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import icon, icon_button
from dashboard.filters import EARLIEST, LATEST, MAX_NAMES, Range
from dashboard.markup import attrs

REFRESH_MS = 10_000
OPTIONS_MS = 30_000
DIMENSIONS = {"team": "Team", "provider": "Provider", "model": "Model", "key": "Key"}
_PLURALS = {"team": "All teams", "provider": "All providers", "model": "All models", "key": "All keys"}
_RANGES = (
    (Range.TODAY, "Today"),
    (Range.WEEK, "7 days"),
    (Range.MONTH, "30 days"),
    (Range.MONTH_TO_DATE, "Month to date"),
    (Range.CUSTOM, "Custom"),
)
_THEME = {
    "primaryColor": "blue",
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    "defaultRadius": "md",
    "respectReducedMotion": True,
}


def layout() -> Component:
    """The whole document; `page` is filled by the router."""
    return _made(dmc.MantineProvider)(
        [
            # Links are the state: everything chosen stands in the address.
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="filters"),
            dcc.Store(id="data-version"),
            dcc.Store(id="colours"),
            dcc.Store(id="filters-count"),
            dcc.Store(id="link-notices"),
            dcc.Store(id="name-notices"),
            dcc.Interval(id="refresh", interval=REFRESH_MS),
            dcc.Interval(id="refresh-options", interval=OPTIONS_MS),
            html.A("Skip to content", href="#content", className="skip"),
            dmc.AppShell(
                [_header(), _navigation(), _main()],
                id="shell",
                header={"height": 56},
                navbar={"width": 216, "breakpoint": "md", "collapsed": {"mobile": True}},
                padding=0,
            ),
            _sql_dialogue(),
        ],
        theme=_THEME,
        defaultColorScheme="auto",
    )


def _header() -> Component:
    return _made(dmc.AppShellHeader)(
        html.Div(
            [
                dmc.Burger(
                    id="menu", opened=False, hiddenFrom="md", size="sm", **attrs(aria_label="Navigation")
                ),
                html.A(
                    [html.Span(className="logo", **attrs(aria_hidden="true")), html.Span("Spendstream")],
                    href="/",
                    className="brand",
                ),
                html.Div(className="spacer"),
                dmc.CopyButton(
                    [icon("link"), html.Span("Copy link", className="wide-only")],
                    id="copy-link",
                    value="",
                    copiedChildren=[icon("check"), html.Span("Copied", className="wide-only")],
                    variant="default",
                    color="gray",
                    size="xs",
                    **attrs(aria_label="Copy a link to this view"),
                ),
                dmc.ColorSchemeToggle(
                    id="colours-toggle",
                    lightIcon=icon("moon"),
                    darkIcon=icon("sun"),
                    variant="default",
                    size=30,
                    **attrs(aria_label="Switch between light and dark"),
                ),
            ],
            className="head",
        )
    )


def _navigation() -> Component:
    return _made(dmc.AppShellNavbar)(html.Nav(id="navigation", **attrs(aria_label="Pages")), className="side")


def _main() -> Component:
    return _made(dmc.AppShellMain)(
        html.Div(
            [
                html.Div(
                    [
                        html.Div(
                            [html.H1(id="page-title"), html.P(id="period", className="period")],
                            className="title",
                        ),
                        html.Div(id="freshness", className="freshness", role="status"),
                    ],
                    className="top",
                ),
                _filter_bar(),
                html.Div(id="notices", role="status"),
                html.Div(id="page"),
            ],
            id="content",
            className="content",
        )
    )


def _filter_bar() -> Component:
    return html.Div(
        [
            html.Button(
                [icon("filter"), html.Span("Filters", id="filters-words")],
                id="filters-toggle",
                className="icon-button filters-toggle",
                type="button",
                n_clicks=0,
                **attrs(aria_controls="filter-panel", aria_expanded="false"),
            ),
            html.Div(
                [
                    dmc.SegmentedControl(
                        id="range",
                        data=[{"value": value.value, "label": label} for value, label in _RANGES],
                        value=Range.MONTH_TO_DATE.value,
                        size="xs",
                        **attrs(aria_label="Period"),
                    ),
                    html.Div(
                        dmc.DatePickerInput(
                            id="dates",
                            type="range",
                            size="xs",
                            minDate=EARLIEST.isoformat(),
                            maxDate=LATEST.isoformat(),
                            valueFormat="D MMM YYYY",
                            placeholder="From – to",
                            popoverProps={"withinPortal": True},
                            **attrs(aria_label="Days, from and to"),
                        ),
                        id="dates-frame",
                        hidden=True,
                    ),
                    *(_names(dimension, label) for dimension, label in DIMENSIONS.items()),
                    icon_button("reset", "reset", "Reset all filters", "Reset"),
                ],
                id="filter-panel",
                className="filter-panel",
                **attrs(data_open="false"),
            ),
        ],
        className="filter-bar",
        role="search",
        **attrs(aria_label="Filters"),
    )


def _names(dimension: str, label: str) -> Component:
    return _made(dmc.MultiSelect)(
        id=f"{dimension}-filter",
        data=[],
        value=[],
        placeholder=_PLURALS[dimension],
        searchable=True,
        clearable=True,
        hidePickedOptions=False,
        maxValues=MAX_NAMES,
        size="xs",
        className="names",
        nothingFoundMessage="No such name in this period",
        comboboxProps={"withinPortal": True, "width": 300, "position": "bottom-start"},
        **attrs(aria_label=label),
    )


def _made(kind: Callable[..., Any]) -> Callable[..., Component]:
    """A component's class of a package without annotations."""
    return kind


def _sql_dialogue() -> Component:
    return _made(dmc.Modal)(
        html.Div(id="sql"),
        id="sql-dialogue",
        title=html.Span(id="sql-title"),
        opened=False,
        size="xl",
        closeButtonProps={"aria-label": "Close"},
    )
