"""Building blocks that every page shares: a card's frame, icons, tables, badges. All text goes through React, which
escapes it; no component takes HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import formatting
from dashboard.markup import attrs

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = Component | str
_GRAPH_CONFIG: Any = {"displayModeBar": False, "responsive": True, "doubleClick": False, "showTips": False}


@dataclass(frozen=True)
class Column:
    """A column of a table; `is_number` aligns it right, with digits of one width. Narrow screens hide `is_extra`."""

    title: str
    is_number: bool = False
    is_extra: bool = False

    @property
    def css(self) -> str:
        """The classes of its cells."""
        return " ".join(
            ["number"] * self.is_number + ["extra"] * self.is_extra,
        )


def icon(name: str) -> Component:
    """A sign of the style sheet (`.icon-NAME`), drawn in the text's colour and unknown to screen readers."""
    return html.Span(className=f"icon icon-{name}", **attrs(aria_hidden="true"))


def icon_button(identity: str | dict[str, str], name: str, label: str, text: str = "") -> Component:
    """A small button with a sign; `label` is its name for screen readers and its tooltip."""
    return html.Button(
        [icon(name), *([html.Span(text)] if text else [])],
        id=identity,
        className="icon-button",
        title=label,
        type="button",
        n_clicks=0,
        **attrs(aria_label=label),
    )


def amount(value: Decimal, **more: str) -> Component:
    """An amount of dollars: rounded as text, whole in the tooltip and in `data-exact-usd`."""
    return html.Span(
        formatting.money(value),
        title=formatting.exact_title(value),
        className="amount",
        **attrs(data_exact_usd=formatting.exact_usd(value), **more),
    )


def tokens(value: int) -> Component:
    """A number of tokens, short as text and whole in the tooltip."""
    return html.Span(formatting.short_count(value), title=f"{formatting.count(value)} tokens")


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], caption: str) -> Component:
    """A plain table; `caption` names it for screen readers. The first column is each row's heading."""
    head = html.Tr([html.Th(c.title, className=c.css, scope="col") for c in columns])
    body = [
        html.Tr(
            [
                html.Th(cell, className=column.css, scope="row")
                if place == 0
                else html.Td(cell, className=column.css)
                for place, (column, cell) in enumerate(zip(columns, row, strict=True))
            ]
        )
        for row in rows
    ]
    return html.Div(
        html.Table(
            [html.Caption(caption, className="unseen"), html.Thead(head), html.Tbody(body)],
            className="table",
        ),
        className="table-frame",
        tabIndex=0,
        role="region",
        **attrs(aria_label=caption),
    )


def swatch(colour: str) -> Component:
    """A spot of an entity's colour beside its name."""
    return html.Span(className="swatch", style={"backgroundColor": colour}, **attrs(aria_hidden="true"))


def share_bar(share: float) -> Component:
    """A thin bar for a share of 0 to 1; the number stands beside it as text."""
    return html.Span(
        html.Span(style={"width": f"{min(max(share, 0), 1) * 100:.1f}%"}),
        className="share-bar",
        **attrs(aria_hidden="true"),
    )


def share(part: Decimal, whole: Decimal) -> Component:
    """How much of `whole` is `part`: a bar and the percentage."""
    return html.Span(
        [share_bar(float(part / whole) if whole else 0.0), html.Span(formatting.percent(part, whole))],
        className="share",
    )


def badge(text: str, tone: str, sign: str = "", title: str = "") -> Component:
    """A small label; `tone` is good, warn, bad or calm. The sign says the same as the colour."""
    return html.Span(
        [*([icon(sign)] if sign else []), html.Span(text)], className=f"badge badge-{tone}", title=title
    )


def notice(sentences: Sequence[str]) -> Component:
    """What the viewer should know about what was asked for; a button resets it."""
    return html.Div(
        [icon("warn"), html.Ul([html.Li(sentence) for sentence in sentences])], className="notice"
    )


def message(reason: str, advice: str = "", detail: str = "") -> list[Component]:
    """What a card says instead of data."""
    return [
        html.P(reason, className="message-reason"),
        *([html.P(advice, className="message-advice")] if advice else []),
        *([html.P(detail, className="message-detail")] if detail else []),
    ]


def code_block(text: str, label: str) -> Component:
    """Text to copy, with a button that does it."""
    return html.Div(
        [
            html.Pre(html.Code(text), tabIndex=0, **attrs(aria_label=label)),
            dmc.CopyButton(
                "Copy",
                value=text,
                copiedChildren="Copied",
                size="compact-xs",
                variant="default",
                color="gray",
            ),
        ],
        className="code-block",
    )


def graph(identity: str, figure: go.Figure) -> Component:
    """A chart. It is redrawn in place when `figure` changes."""
    return dcc.Graph(id=identity, config=_GRAPH_CONFIG, responsive=True, className="graph", figure=figure)


def skeleton() -> Component:
    """What stands in a card's place until its first answer; as large as the card."""
    found: Component = dmc.Skeleton(className="card-skeleton", **attrs(aria_hidden="true"))
    return found
