"""A fold follows its topic, skips what it cannot read, and tells a writer when its own event has come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from typing_extensions import override

from gateway_shim.following import TopicFold, come_back
from ingest.codec import Envelope, encode_event
from ingest.errors import LogUnavailable, Unavailable
from ingest.events.governance import TeamDefined
from ingest.log import Outgoing, Record
from ingest.memory import MemoryFollower, MemoryLog
from ingest.topics import TopicName

NOW = datetime(2026, 11, 24, tzinfo=UTC)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Seen:
    """A fold that keeps what it is given."""

    def __init__(self) -> None:
        self.teams: list[str] = []
        self.unreadable = 0
        self.fold = TopicFold(TopicName.GOVERNANCE, self.apply, self.count)

    def apply(self, envelope: Envelope) -> None:
        assert isinstance(envelope.data, TeamDefined)
        self.teams.append(envelope.data.team)

    def count(self) -> None:
        self.unreadable += 1


def a_record(team: str, event_id: str) -> Outgoing:
    value = encode_event(TeamDefined(team, NOW), id=event_id, source="test", time=NOW)
    return Outgoing(TopicName.GOVERNANCE, team, value)


async def test_it_reads_what_was_there_and_what_comes(caplog: pytest.LogCaptureFixture) -> None:
    log, seen = MemoryLog(), Seen()
    await log.publish([a_record("a", "1"), Outgoing(TopicName.GOVERNANCE, "x", b"no event")])
    await log.publish([Outgoing(TopicName.GOVERNANCE, "gone", None)])
    assert [seen.fold.is_current] == [False]
    task = asyncio.create_task(seen.fold.run(lambda: MemoryFollower(log, TopicName.GOVERNANCE)))
    await seen.fold.current()
    assert seen.fold.is_current
    assert (seen.teams, seen.unreadable) == (["a"], 1)
    assert "cannot be read" in caplog.text
    applied = seen.fold.expect("2")
    await log.publish([a_record("b", "2")])
    await come_back(applied, 5)
    assert seen.teams == ["a", "b"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class FailsAtFirst:
    """A follower that cannot start, and then one that can."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.attempts = 0

    def __call__(self) -> MemoryFollower:
        self.attempts += 1
        return Broken() if self.attempts == 1 else MemoryFollower(self._log, TopicName.GOVERNANCE)


class Broken(MemoryFollower):
    def __init__(self) -> None:
        pass

    @override
    async def records(self) -> AsyncIterator[Record]:
        for record in list[Record]():
            yield record
        raise LogUnavailable("not now")

    @override
    async def caught_up(self) -> None:
        await asyncio.Event().wait()


async def test_it_begins_again_when_it_could_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_shim.following._RETRY_S", 0.001)
    log, seen = MemoryLog(), Seen()
    make = FailsAtFirst(log)
    task = asyncio.create_task(seen.fold.run(make))
    await asyncio.wait_for(seen.fold.current(), 5)
    assert make.attempts == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_write_that_does_not_come_back_is_said() -> None:
    with pytest.raises(Unavailable, match=r"did not come back within 0\.01 seconds"):
        await come_back(Seen().fold.expect("1"), 0.01)
