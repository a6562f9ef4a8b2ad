"""What streams have used so far is noted; what has ended meanwhile is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from gateway_shim.metrics import GatewayMetrics
from gateway_shim.progress import Progress
from gateway_shim.recorder import Recorder
from ingest.attribution import Attribution
from ingest.clock import FixedClock
from ingest.events.calls import Call, CallFinished, Outcome
from ingest.ids import new_id
from ingest.spool import Spool

NOW = datetime(2026, 11, 24, tzinfo=UTC)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Noted(Recorder):
    """Keeps what it is to note."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Spool(folder, 10**6), [], FixedClock(NOW), GatewayMetrics())
        self.noted: list[list[str]] = []
        self.is_full = False

    @override
    def note(self, notes: Mapping[str, bytes]) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.noted.append(list(notes))


class Stream:
    def __init__(self, progress: Progress, ends_meanwhile: bool = False, is_known: bool = True) -> None:
        self.call = Call(new_id(), NOW, Attribution(team="search"), "openai", "gpt-4o", "chat")
        self._progress = progress
        self._ends_meanwhile = ends_meanwhile
        self._is_known = is_known
        progress.begin(self)

    async def so_far(self) -> CallFinished | None:
        if self._ends_meanwhile:
            self._progress.end(self)
        return CallFinished(self.call, NOW, Outcome.ABORTED, 200, 5) if self._is_known else None


async def test_streams_that_pass_are_noted_and_no_others(tmp_path: Path) -> None:
    recorder = Noted(tmp_path / "s")
    progress = Progress(recorder)
    passing = Stream(progress)
    Stream(progress, ends_meanwhile=True)
    Stream(progress, is_known=False)
    ended = Stream(progress)
    progress.end(ended)
    await progress.note()
    progress.end(passing)
    await progress.note()
    assert recorder.noted == [[passing.call.call_id], []]
    recorder.close()


async def test_a_full_disk_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Noted(tmp_path / "s")
    progress = Progress(recorder)
    Stream(progress)
    recorder.is_full = True
    for _ in range(3):
        await progress.note()
    assert caplog.text.count("No space left") == 1
    recorder.is_full = False
    await progress.note()
    assert len(recorder.noted) == 1
    recorder.close()
