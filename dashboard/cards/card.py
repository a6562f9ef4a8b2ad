"""What a card is: the questions it asks of the warehouse, and how it shows the answers. No Dash callback in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dashboard.filters import Filters
from dashboard.palette import Scheme
from dashboard.periods import Period
from warehouse.queries.query import Query

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from dash.development.base_component import Component

Answers = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True)
class View:
    """What the viewer looks at: the filters, the period they mean at the instant `now`, and on which page colour."""

    filters: Filters
    period: Period
    now: datetime
    scheme: Scheme


@dataclass(frozen=True)
class Shown:
    """A card with data. `summary` says in words what the card shows; a chart has its numbers as a table, too."""

    summary: str = ""
    body: Component | Sequence[Component] | None = None
    figure: go.Figure | None = None
    table: Component | None = None


@dataclass(frozen=True)
class Nothing:
    """A card without data: why, and what to do about it."""

    reason: str
    advice: str = ""


@dataclass(frozen=True)
class Absent:
    """A card that is not needed now, and takes no room."""


@dataclass(frozen=True)
class Card:
    """One card. `kind` gives its place on the grid (a class of the style sheet); `has_chart` gives it a graph.

    `questions` are pure; `show` is pure and gets an answer for each question, by the same name.
    """

    id: str
    title: str
    kind: str
    questions: Callable[[View], dict[str, Query]]
    show: Callable[[View, Answers], Shown | Nothing | Absent]
    has_chart: bool = False
    is_absent_at_first: bool = False
