"""The line beside the title: how fresh the figures are, how sure, and whether they are simulated."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from dash.development.base_component import Component

from dashboard import formatting
from dashboard.cards.kpis import totals_of
from dashboard.components import badge
from dashboard.frames import records
from dashboard.freshness import Freshness, Standing, freshness_of

if TYPE_CHECKING:
    import pandas as pd

_TONES = {
    Standing.COMPLETE: ("good", "check"),
    Standing.BEHIND: ("warn", "warn"),
    Standing.STALE: ("bad", "stop"),
    Standing.UNKNOWN: ("calm", "warn"),
}


def status_line(
    progress: pd.DataFrame, totals: pd.DataFrame, simulated: pd.DataFrame, now: datetime
) -> list[Component]:
    """The badges: from answers to `PipelineProgress`, `SpendTotals` and `SimulatedCalls`."""
    freshness = freshness_of(progress, now)
    tone, sign = _TONES[freshness.standing]
    badges = [badge(in_words(freshness, totals, now), tone, sign, title=_title(freshness, now))]
    if not simulated.empty and int(simulated.iloc[0]["simulated"]):
        badges.insert(
            0, badge("Simulated data", "calm", "lab", title="Calls of this period are tagged simulated=true.")
        )
    return badges


def in_words(freshness: Freshness, totals: pd.DataFrame, now: datetime) -> str:
    """`complete to 10:42:07, 0 unpriced, 0.0 % estimated`."""
    sums = totals_of(totals)
    unpriced = f"{formatting.count(sums.unpriced_calls)} unpriced"
    estimated = f"{formatting.percent(sums.estimated_calls, sums.calls or 1)} estimated"
    return f"{_since(freshness, now)}, {unpriced}, {estimated}"


def version_of(progress: pd.DataFrame, budgets: pd.DataFrame, now: datetime) -> str:
    """Changes when the figures may have: when the loader came further, a budget moved, or a minute passed (which moves
    what is "today" and "resets in")."""
    known = [f"{now:%Y%m%d%H%M}"]
    known += [f"{row.stage}/{row.partition}/{row.position}" for row in records(progress)]
    known += [f"{row.name}/{row.changed_at}" for row in records(budgets)]
    return hashlib.sha256("|".join(known).encode()).hexdigest()[:16]


def _since(freshness: Freshness, now: datetime) -> str:
    if freshness.complete_to is None or freshness.reported_at is None:
        return "no report from the loader yet"
    to = f"complete to {formatting.clock_time(freshness.complete_to)}"
    if freshness.complete_to.date() != now.date():
        to = f"complete to {formatting.day_and_time(freshness.complete_to)}"
    if freshness.standing == Standing.STALE:
        return f"stale: last report {formatting.age(freshness.reported_at, now)}, {to}"
    if freshness.standing == Standing.BEHIND:
        return f"behind: {formatting.count(freshness.waiting)} events waiting, {to}"
    return to


def _title(freshness: Freshness, now: datetime) -> str:
    if freshness.complete_to is None or freshness.reported_at is None:
        return "The loader writes its progress every few seconds once it runs."
    return (
        f"All times are UTC. Everything on the log by then is counted; {formatting.count(freshness.waiting)} events are"
        f" waiting; the loader reported {formatting.age(freshness.reported_at, now)}."
    )
