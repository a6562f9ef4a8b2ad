from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ingest.clock import FixedClock
from ingest.errors import Halted, LogUnavailable, Unavailable
from warehouse.patience import Patience, persist


class Trial:
    """An attempt that fails as it is told, on a clock that the pauses move."""

    def __init__(self, *failures: Exception) -> None:
        self.clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.pauses: list[float] = []
        self._failures: Iterator[Exception] = iter(failures)

    async def attempt(self) -> str:
        for failure in self._failures:
            raise failure
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def run(self, patience: Patience) -> str:
        return asyncio.run(persist("trying", self.attempt, patience, self.clock, self.sleep))


def test_what_works_at_once_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial()
    assert trial.run(Patience()) == "done"
    assert (trial.pauses, caplog.records) == ([], [])


def test_pauses_double_up_to_the_longest_and_the_wait_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trial = Trial(*[LogUnavailable("away")] * 5)
    assert trial.run(Patience(first_pause_s=1, longest_pause_s=4)) == "done"
    assert trial.pauses == [1, 2, 4, 4, 4]
    assert [r.message for r in caplog.records] == [
        "trying has to wait: away",
        "trying goes on after 15.0 seconds",
    ]


def test_patience_ends() -> None:
    trial = Trial(*[Unavailable(f"away {n}") for n in range(100)])
    with pytest.raises(Unavailable, match="away 4"):
        trial.run(Patience(give_up_s=10, first_pause_s=1, longest_pause_s=4))
    assert sum(trial.pauses) == 11


def test_what_another_try_cannot_help_is_raised_at_once() -> None:
    trial = Trial(Halted("no"))
    with pytest.raises(Halted):
        trial.run(Patience())
    assert trial.pauses == []
