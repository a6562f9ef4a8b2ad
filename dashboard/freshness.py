"""How fresh the figures are, from the loader's reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SILENT_AFTER = timedelta(seconds=30)
BEHIND_AFTER = timedelta(minutes=5)


class Standing(StrEnum):
    """In order of concern."""

    COMPLETE = "complete"
    """Everything up to a moment ago is in."""
    BEHIND = "behind"
    """The loader works, but what it has loaded ends more than five minutes ago."""
    STALE = "stale"
    """The loader has said nothing for 30 seconds."""
    UNKNOWN = "unknown"
    """The loader has never said anything."""


@dataclass(frozen=True)
class Freshness:
    """Every call finished before `complete_to` is counted; `waiting` events are on the log and not in yet."""

    standing: Standing
    complete_to: datetime | None = None
    reported_at: datetime | None = None
    waiting: int = 0


def freshness_of(progress: pd.DataFrame, now: datetime) -> Freshness:
    """From an answer to `PipelineProgress`: the slowest partition of the slowest stage decides."""
    if progress.empty:
        return Freshness(Standing.UNKNOWN)
    complete_to = progress["settled_through"].min().to_pydatetime()
    reported_at = progress.groupby("stage")["reported_at"].max().min().to_pydatetime()
    # Offsets come unsigned: a position ahead of a log end that was asked for earlier must not wrap round.
    waiting = int(
        (progress["log_end"].astype("int64") - progress["position"].astype("int64")).clip(lower=0).sum()
    )
    if now - reported_at > SILENT_AFTER:
        standing = Standing.STALE
    elif now - complete_to > BEHIND_AFTER:
        standing = Standing.BEHIND
    else:
        standing = Standing.COMPLETE
    return Freshness(standing, complete_to, reported_at, waiting)
