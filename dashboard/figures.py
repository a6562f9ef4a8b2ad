"""Charts: pure functions from frames to Plotly figures. Amounts become floats here, for drawing and nowhere else;
what a hover shows is text made from the `Decimal`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from dashboard import formatting
from dashboard.budget_rows import Ceiling
from dashboard.frames import records
from dashboard.palette import OTHER, Scheme
from dashboard.periods import Period
from warehouse.queries.spend import Bucket

if TYPE_CHECKING:
    import pandas as pd

MAX_TEAMS = 7
OTHER_TEAMS = "\0other"
"""Stands for all teams without bars of their own; no team can have this name."""
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_WIDTH = {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1)}
_STEPS = tuple(timedelta(hours=hours) for hours in (3, 6, 12, 24, 48, 168, 336, 744, 1488, 2976))
_MOST_TICKS = 8
_GAP = 0.22
"""Share of a bucket that is empty beside its bar."""
_BESIDE: dict[str, Any] = {"showarrow": False, "xanchor": "left", "align": "left"}
_HOVER_TIME = {Bucket.HOUR: "%a %-d %b %H:%M", Bucket.DAY: "%a %-d %b"}


def spend_by_team(
    frame: pd.DataFrame, period: Period, colours: Mapping[str, str], scheme: Scheme
) -> go.Figure:
    """Stacked bars of USD for each bucket of `period` and team; the unfinished bucket is hatched.

    `frame` is an answer to `SpendByTeam`. The dearest seven teams have bars of their own, the rest share one.
    """
    width = _WIDTH[period.bucket]
    figure = go.Figure(layout=_layout(scheme, barmode="stack", hovermode="x unified", bargap=_GAP))
    for team, amounts in team_series(frame).items():
        starts = list(amounts)
        hatched = ["/" if start <= period.now < start + width else "" for start in starts]
        colour = OTHER if team == OTHER_TEAMS else colours.get(team, OTHER)
        figure.add_bar(
            name=_plain("other teams" if team == OTHER_TEAMS else formatting.name(team, "(no team)")),
            x=[_drawn(start) for start in starts],
            y=[float(amount) for amount in amounts.values()],
            xperiod=width / timedelta(milliseconds=1),
            xperiodalignment="middle",
            # Said, since Plotly takes a bar that has no neighbour for a hairline.
            width=(1 - _GAP) * (width / timedelta(milliseconds=1)),
            customdata=[formatting.money(amount) for amount in amounts.values()],
            hovertemplate="%{customdata}",
            marker={
                "color": colour,
                "line": {"color": scheme.outline, "width": 0.5},
                "pattern": {
                    "shape": hatched,
                    "fgcolor": scheme.surface,
                    "fgopacity": 0.75,
                    "size": 6,
                    "solidity": 0.3,
                },
            },
        )
    figure.update_xaxes(
        range=[_drawn(period.start), _drawn(period.end)],
        hoverformat=_HOVER_TIME[period.bucket],
        **_time_ticks(period.start, period.end, middle_of=period.bucket),
    )
    figure.update_yaxes(rangemode="tozero", **_dollars(frame, by="bucket"))
    return figure


def team_series(frame: pd.DataFrame) -> dict[str, dict[datetime, Decimal]]:
    """USD by team and bucket, dearest team first; from the eighth on they are one, `OTHER_TEAMS`."""
    totals: dict[str, Decimal] = {}
    cells: dict[str, dict[datetime, Decimal]] = {}
    for row in records(frame):
        totals[row.team] = totals.get(row.team, Decimal(0)) + row.cost_usd
        cells.setdefault(row.team, {})[row.bucket.to_pydatetime()] = row.cost_usd
    ranked = sorted(totals, key=lambda team: (-totals[team], team))
    series = {team: cells[team] for team in ranked[:MAX_TEAMS]}
    rest: dict[datetime, Decimal] = {}
    for team in ranked[MAX_TEAMS:]:
        for bucket, amount in cells[team].items():
            rest[bucket] = rest.get(bucket, Decimal(0)) + amount
    return {**series, OTHER_TEAMS: dict(sorted(rest.items()))} if rest else series


def cumulative_spend(
    points: Sequence[tuple[datetime, Decimal]], period: Period, ceiling: Ceiling | None, scheme: Scheme
) -> go.Figure:
    """The running total as a line and, where there is one, the budget: its limit and an even pace towards it.

    `points` are instants and the USD spent until then (`running_total`).
    """
    figure = go.Figure(layout=_layout(scheme, hovermode="x", showlegend=False))
    figure.add_scatter(
        name="spent",
        mode="lines",
        x=[_drawn(instant) for instant, _ in points],
        y=[float(amount) for _, amount in points],
        customdata=[formatting.money(amount) for _, amount in points],
        hovertemplate="%{customdata} by %{x|%a %-d %b %H:%M}<extra></extra>",
        line={"color": scheme.accent, "width": 2.5, "shape": "linear"},
        fill="tozeroy",
        fillcolor=_translucent(scheme.accent),
    )
    end = period.end
    if ceiling:
        end = max(end, ceiling.end)
        _draw_ceiling(figure, ceiling, scheme)
    if points:
        figure.add_scatter(
            name="now",
            mode="markers",
            x=[_drawn(points[-1][0])],
            y=[float(points[-1][1])],
            hoverinfo="skip",
            showlegend=False,
            marker={"color": scheme.accent, "size": 8, "line": {"color": scheme.surface, "width": 2}},
        )
    figure.update_xaxes(range=[_drawn(period.start), _drawn(end)], **_time_ticks(period.start, end))
    top = max([points[-1][1] if points else Decimal(0), ceiling.limit_usd if ceiling else Decimal(0)])
    figure.update_yaxes(range=[0, float(top) * 1.12 or 1], **_dollar_ticks(top))
    return figure


def running_total(frame: pd.DataFrame, period: Period, size: Bucket) -> list[tuple[datetime, Decimal]]:
    """From an answer to `SpendOverTime`: what was spent by the end of each bucket with calls, up to now."""
    total = Decimal(0)
    points = [(period.start, total)]
    for row in records(frame):
        start = row.bucket.to_pydatetime()
        if points[-1][0] < start:  # flat until the bucket begins
            points.append((start, total))
        total += row.cost_usd
        points.append((min(start + _WIDTH[size], max(period.now, start)), total))
    until = min(period.now, period.end)
    if points[-1][0] < until:
        points.append((until, total))
    return points


def _draw_ceiling(figure: go.Figure, ceiling: Ceiling, scheme: Scheme) -> None:
    """The two lines have their names beside them: a legend would take a narrow chart's height."""
    limit = float(ceiling.limit_usd)
    x = [_drawn(ceiling.start), _drawn(ceiling.end)]
    line = {"color": scheme.muted, "width": 1.5, "dash": "dot"}
    figure.add_scatter(name="even pace", mode="lines", x=x, y=[0, limit], hoverinfo="skip", line=line)
    line = {"color": scheme.limit, "width": 2, "dash": "dash"}
    figure.add_scatter(name="limit", mode="lines", x=x, y=[limit, limit], hoverinfo="skip", line=line)
    figure.add_annotation(
        text=f"{_plain(ceiling.label)}: {formatting.money(ceiling.limit_usd)}",
        x=x[0],
        y=limit,
        font={"color": scheme.limit, "size": 12},
        **{**_BESIDE, "yanchor": "bottom"},
    )
    middle = ceiling.start + (ceiling.end - ceiling.start) * 0.8
    figure.add_annotation(
        text="even pace",
        x=_drawn(middle),
        y=limit * 0.78,
        font={"color": scheme.muted, "size": 12},
        **{**_BESIDE, "yanchor": "top"},
    )


def _plain(text: str) -> str:
    """A name as text: Plotly reads tags in what it draws."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _layout(scheme: Scheme, **more: Any) -> dict[str, Any]:
    axis = {
        "gridcolor": scheme.grid,
        "linecolor": scheme.grid,
        "zerolinecolor": scheme.grid,
        "tickfont": {"color": scheme.muted, "size": 12},
        "automargin": True,
        "fixedrange": True,
    }
    return {
        "font": {"family": _FONT, "color": scheme.text, "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 12, "t": 30, "b": 8},
        "hoverlabel": {
            "bgcolor": scheme.surface,
            "bordercolor": scheme.grid,
            "font": {"color": scheme.text, "family": _FONT},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
            "font": {"color": scheme.text, "size": 12},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "xaxis": {**axis, "showgrid": False, "type": "date"},
        "yaxis": axis,
        # The figure is redrawn in place when data comes: what the viewer did to it stays.
        "uirevision": "kept",
        **more,
    }


def _dollars(frame: pd.DataFrame, by: str) -> dict[str, Any]:
    tallest = max(frame.groupby(by)["cost_usd"].sum(), default=Decimal(0)) if len(frame) else Decimal(0)
    return _dollar_ticks(Decimal(tallest))


def _dollar_ticks(top: Decimal) -> dict[str, Any]:
    """Ticks in whole dollars where that is enough, with places or SI units where it is not."""
    if top >= 10_000:
        return {"tickprefix": "$", "tickformat": "~s"}
    if top >= 5:
        return {"tickprefix": "$", "tickformat": ",.0f"}
    places = 2 if top >= Decimal("0.05") else min(12, 2 - top.adjusted()) if top else 2
    return {"tickprefix": "$", "tickformat": f",.{places}f"}


def _drawn(instant: datetime) -> datetime:
    """Without its zone: Plotly knows none and draws the digits it is given, which are UTC's."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def _time_ticks(start: datetime, end: datetime, middle_of: Bucket = Bucket.HOUR) -> dict[str, Any]:
    """Labels from `start` on, at most eight, so that they fit a telephone's width; a day's stands below its bar."""
    step = next((step for step in _STEPS if (end - start) / step <= _MOST_TICKS), _STEPS[-1])
    first = start + timedelta(hours=12) if middle_of == Bucket.DAY else start
    return {
        "tick0": _drawn(first),
        "dtick": step / timedelta(milliseconds=1),
        "tickformat": "%H:%M" if step < timedelta(days=1) else "%-d %b",
        "tickangle": 0,
    }


def _translucent(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"
