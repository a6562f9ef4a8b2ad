"""What Faust and Kafka have been seen to do wrong, told to a stage: nothing is lost and nothing is done twice unseen.

The threads are those of faust-streaming and of robinhood/faust.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from ingest.clock import SystemClock
from ingest.errors import Halted, LogUnavailable
from ingest.log import Outgoing, Record
from streams.agents.consumer import PositionedConsumer, led
from streams.agents.stage import INBOX, Stage, Surroundings
from streams.step import Work
from tests.unit.streams.test_steps import MemoryTable

CALLS = "llm.calls"


def message(offset: int, partition: int = 0) -> Any:
    return SimpleNamespace(
        topic=CALLS, partition=partition, offset=offset, key=b"k", value=b"%d" % offset, timestamp=1
    )


class Notes:
    """A step that notes what it is given, and publishes it."""

    def __init__(self) -> None:
        self.accepted: list[int] = []
        self._new: list[Outgoing] = []

    def accept(self, record: Record) -> None:
        self.accepted.append(record.offset)
        self._new.append(Outgoing("out", str(record.offset), b""))

    def take(self) -> Work:
        new, self._new = self._new, []
        return Work(new)

    def next_due(self) -> float | None:
        return None

    def restore(self, _partitions: Sequence[int], /) -> None:
        self._new = []


class Setting:
    """A stage on a table in memory; the log takes records, unless `error` says otherwise."""

    def __init__(self, table: MemoryTable | None = None, earliest: int = 0) -> None:
        self.table, self.step = table or MemoryTable(), Notes()
        self.published: list[str] = []
        self.errors: list[BaseException] = []
        self.error: Exception | None = None

        async def earliest_offsets(tp: TP) -> dict[TP, int]:
            return {tp: earliest}

        app = SimpleNamespace(consumer=SimpleNamespace(earliest_offsets=earliest_offsets))
        around = Surroundings(app, self.table, self, SystemClock(), self.errors.append)
        self.stage = Stage(around, CALLS, self.step)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.error is not None:
            raise self.error
        self.published += [record.key for record in records]

    def begin(self) -> Setting:
        self.stage.start()
        self.stage.resume([0])
        return self

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while True:
                if condition():
                    return
                await asyncio.sleep(0)

    async def acknowledged(self, end: int) -> None:
        await self.until(lambda: self.stage.acknowledged.get(0) == end)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def and_clean_up() -> None:
        await scenario()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(and_clean_up())


@pytest.mark.parametrize("given", [[5, 6], [0, 1, 3]])
def test_a_partition_that_resumes_past_records_nobody_read_ends_the_process(given: list[int]) -> None:
    """#216, #221: after a rebalance a partition resumes past events that were not committed."""

    async def scenario() -> None:
        one = Setting().begin()
        one.stage.offer(0, [message(offset) for offset in given])
        await one.until(lambda: one.errors)
        assert isinstance(one.errors[0], Halted)
        assert set(one.step.accepted) <= {0, 1}

    run(scenario)


def test_a_gap_that_retention_left_is_passed() -> None:
    async def scenario() -> None:
        one = Setting(earliest=5).begin()
        one.stage.offer(0, [message(5), message(6)])
        await one.acknowledged(7)
        assert (one.step.accepted, one.errors) == ([5, 6], [])

    run(scenario)


def test_only_an_unbroken_beginning_is_ever_acknowledged() -> None:
    """#312, #318, robinhood/faust #681: acknowledgements with gaps commit past what was not processed."""

    async def scenario() -> None:
        one = Setting().begin()
        one.stage.offer(0, [message(0), message(1)])
        await one.acknowledged(2)
        one.error = LogUnavailable("away")
        one.stage.offer(0, [message(2)])
        await one.until(lambda: one.errors)
        assert one.stage.acknowledged == {0: 2}
        assert one.stage.stored_position(0) == 2

    run(scenario)


def test_an_error_skips_no_record_after_the_restart() -> None:
    """robinhood/faust #604, #315: an exception with noack skips the event after a restart."""

    async def scenario() -> None:
        first = Setting().begin()
        first.error = LogUnavailable("away")
        first.stage.offer(0, [message(0), message(1)])
        await first.until(lambda: first.errors)
        again = Setting(first.table).begin()
        assert again.stage.read.due(0) == 0
        again.stage.offer(0, [message(0), message(1)])
        await again.acknowledged(2)
        assert again.published == ["0", "1"]

    run(scenario)


def test_what_was_fetched_before_a_rebalance_is_dropped_and_comes_again() -> None:
    """#221, #502: prefetched events arrive out of order, and the same message twice, around a rebalance."""

    async def scenario() -> None:
        one = Setting()
        one.stage.offer(0, [message(0)])  # not ours yet
        one.begin()
        one.stage.offer(0, [message(offset) for offset in range(250)])
        await one.stage.pause()
        done = len(one.step.accepted)
        one.stage.offer(0, [message(done)])
        one.stage.resume([0])
        assert one.stage.read.due(0) == one.stage.stored_position(0) == done
        one.stage.offer(0, [message(offset) for offset in range(done, 300)])
        await one.acknowledged(300)
        assert one.step.accepted == list(range(300))

    run(scenario)


def consumer_of(stage: Stage) -> Any:
    """A consumer without Faust around it: what it does with what was fetched."""
    kind = led([stage])
    made = object.__new__(kind)
    made.__dict__.update(flow_active=True, _thread=SimpleNamespace(seeks=1, fetched_at=1))
    return made


def test_records_from_before_positions_were_set_are_dropped() -> None:
    """#216: what the client had fetched for the position before is not what follows on the stored one."""

    async def scenario() -> None:
        one = Setting().begin()
        consumer, tp, changelog = consumer_of(one.stage), TP(CALLS, 0), TP("changelog", 0)
        consumer._thread.seeks = 2
        assert consumer._handed_out({tp: [message(7)], changelog: [1]}) == {changelog: [1]}
        consumer._thread.fetched_at = 2
        consumer.flow_active = False
        assert consumer._handed_out({tp: [message(7)]}) == {}
        consumer.flow_active = True
        assert consumer._handed_out({tp: [message(0)]}) == {}
        await one.acknowledged(1)
        assert one.step.accepted == [0]

    run(scenario)


def test_records_from_before_a_revocation_are_dropped_until_positions_are_set_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """#502: a fetch that was under way while partitions moved comes back when the flow is on again."""

    async def revoked(_self: object, _revoked: set[TP]) -> None:
        return

    async def scenario() -> None:
        monkeypatch.setattr(PositionedConsumer.__mro__[1], "on_partitions_revoked", revoked)
        one = Setting().begin()
        consumer, tp = consumer_of(one.stage), TP(CALLS, 0)
        await consumer.on_partitions_revoked({tp})
        assert consumer._handed_out({tp: [message(0)]}) == {}
        consumer._thread.seeks = consumer._thread.fetched_at = 2
        consumer._handed_out({tp: [message(0), message(1)]})
        await one.acknowledged(2)
        assert one.step.accepted == [0, 1]

    run(scenario)


def test_a_commit_that_never_reaches_the_group_changes_nothing_about_where_reading_begins() -> None:
    """robinhood/faust #736: after a connection reset a worker processes, and never commits until it is restarted. The
    positions that count are stored with the state; the group is told again at the next commit."""
    told: list[dict[TP, int]] = []

    async def commit(reached: dict[TP, int]) -> bool:
        told.append(reached)
        return False

    async def scenario() -> None:
        one = Setting().begin()
        consumer: PositionedConsumer = consumer_of(one.stage)
        vars(consumer).update(
            assignment=lambda: {TP(CALLS, 0)}, _commit=commit, _committed_offset={TP(CALLS, 0): None}
        )
        for end in (1, 2):
            one.stage.offer(0, [message(end - 1)])
            await one.acknowledged(end)
            assert await consumer.force_commit() is False
        assert told == [{TP(CALLS, 0): 1}, {TP(CALLS, 0): 2}]
        assert Setting(one.table).stage.stored_position(0) == 2

    run(scenario)


def test_a_stage_without_room_says_so() -> None:
    async def scenario() -> None:
        one = Setting()
        one.stage.resume([0])
        rooms = [one.stage.has_room]
        one.stage.offer(0, [message(0)] * INBOX)
        rooms.append(one.stage.has_room)
        await one.stage.pause()
        rooms.append(one.stage.has_room)
        assert rooms == [True, False, True]

    run(scenario)
