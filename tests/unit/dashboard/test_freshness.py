"""The slowest partition of the slowest stage says how fresh the figures are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from dashboard import status
from dashboard.freshness import Freshness, Standing, freshness_of
from tests.unit.dashboard.frames import NOW, budget, budgets, frame, texts, totals
from warehouse.queries.freshness import PipelineProgress, SimulatedCalls

STAGE = "load llm.costs"


def progress(*rows: tuple[Any, ...]) -> pd.DataFrame:
    made = frame(PipelineProgress.columns, rows)
    # As ClickHouse gives them: a difference below zero would wrap round.
    return made.astype({"position": "uint64", "log_end": "uint64"}) if len(made) else made


def report(
    partition: int = 0, position: int = 10, end: int = 10, settled: int = 2, reported: int = 2
) -> tuple[Any, ...]:
    """Settled and reported so many seconds ago."""
    return (
        STAGE,
        partition,
        position,
        end,
        NOW - timedelta(seconds=settled),
        NOW - timedelta(seconds=reported),
    )


def test_it_is_complete_up_to_the_slowest_partition() -> None:
    found = freshness_of(progress(report(0), report(1, settled=7)), NOW)
    assert found == Freshness(Standing.COMPLETE, NOW - timedelta(seconds=7), NOW - timedelta(seconds=2), 0)


def test_events_that_wait_are_counted_and_a_position_ahead_of_the_end_is_none() -> None:
    found = freshness_of(progress(report(0, position=4, end=10), report(1, position=12, end=10)), NOW)
    assert found.waiting == 6


def test_a_stage_that_is_silent_makes_everything_stale() -> None:
    other = ("load budget.states", 0, 1, 1, NOW, NOW)
    found = freshness_of(progress(report(reported=31), other), NOW)
    assert found.standing == Standing.STALE
    assert found.reported_at == NOW - timedelta(seconds=31)


def test_a_loader_that_reports_and_lags_is_behind() -> None:
    assert freshness_of(progress(report(settled=301)), NOW).standing == Standing.BEHIND


def test_without_a_report_nothing_is_known() -> None:
    assert freshness_of(progress(), NOW) == Freshness(Standing.UNKNOWN)


def words(rows: pd.DataFrame, now: datetime = NOW, **sums: int) -> str:
    return texts(status.status_line(rows, totals(**sums), frame(SimulatedCalls.columns, [(0,)]), now))


def test_the_badge_says_up_to_when_and_how_sure() -> None:
    assert words(progress(report())) == "complete to 10:42:05, 0 unpriced, 0.0 % estimated"
    found = words(progress(report()), calls=1000, unpriced_calls=1234, estimated_calls=3)
    assert found == "complete to 10:42:05, 1,234 unpriced, 0.3 % estimated"


def test_the_badge_says_what_is_wrong() -> None:
    assert words(progress(report(settled=200, reported=190))).startswith(
        "stale: last report 3 min ago, complete to 10:38:47"
    )
    assert words(progress(report(position=4, settled=600))).startswith(
        "behind: 6 events waiting, complete to 10:32:07"
    )
    assert words(progress()).startswith("no report from the loader yet")
    assert "complete to 23 Nov 10:42" in words(progress(report(settled=86_400)))


def test_simulated_data_is_labelled() -> None:
    line = status.status_line(progress(report()), totals(), frame(SimulatedCalls.columns, [(1,)]), NOW)
    assert texts(line).startswith("Simulated data")


def test_the_version_changes_when_anything_may_have() -> None:
    base = status.version_of(progress(report()), budgets(budget()), NOW)
    assert base == status.version_of(progress(report(reported=1)), budgets(budget()), NOW)
    assert base != status.version_of(progress(report(position=11)), budgets(budget()), NOW)
    assert base != status.version_of(progress(report()), budgets(budget(changed_at=NOW)), NOW)
    assert base != status.version_of(progress(report()), budgets(budget()), NOW + timedelta(minutes=1))
