from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.clock import FixedClock, SystemClock
from ingest.errors import Halted, LogUnavailable
from ingest.log import Outgoing, Record
from streams.outbox import Ends, Outbox
from streams.step import Work


class Journal:
    """A publisher that notes what happens in which order, and goes on only when it is told to."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self._noted = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.error: Exception | None = None

    def note(self, entry: str) -> None:
        self.happened.append(entry)
        self._noted.set()

    async def noted(self, entry: str) -> None:
        """Returns once `entry` has been noted."""
        async with asyncio.timeout(5):
            while entry not in self.happened:
                self._noted.clear()
                await self._noted.wait()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error
        for record in records:
            self.note(f"published {record.key}")


class Echo:
    """A step whose work for a record is to publish its offset."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._accepted: list[int] = []
        self.due: float | None = None

    def accept(self, record: Record) -> None:
        self._accepted.append(record.offset)

    def take(self) -> Work:
        self.due = None
        taken, self._accepted = self._accepted, []
        self._journal.note(f"took {len(taken)}")
        return Work([Outgoing("t", str(offset), b"") for offset in taken])

    def next_due(self) -> float | None:
        return self.due

    def restore(self, _partitions: Sequence[int], /) -> None:
        self._accepted = []


class Setting:
    """An outbox with its surroundings."""

    def __init__(self, limit: int = 1000, clock: SystemClock | FixedClock | None = None) -> None:
        self.journal = Journal()
        self.step = Echo(self.journal)
        self.outbox = Outbox(
            self.step, self.journal, self._mark, self._acknowledge, clock or SystemClock(), limit
        )
        self.task = asyncio.create_task(self.outbox.run())

    def take_in(self, *offsets: int) -> None:
        for offset in offsets:
            self.step.accept(Record("calls", 0, offset, None, b""))
            self.outbox.put(0, offset + 1)

    async def _mark(self, ends: Ends) -> None:
        self.journal.note(f"marked {dict(ends)}")

    def _acknowledge(self, ends: Ends) -> None:
        self.journal.note(f"acked {dict(ends)}")


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def and_clean_up() -> None:
        await scenario()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError, LogUnavailable):
                await task

    asyncio.run(and_clean_up())


def test_a_record_is_acknowledged_after_its_work_and_its_position_are_durable() -> None:
    async def scenario() -> None:
        one = Setting()
        one.take_in(7)
        await one.outbox.rest(5)
        assert one.journal.happened == ["took 1", "published 7", "took 0", "marked {0: 8}", "acked {0: 8}"]

    run(scenario)


def test_what_comes_in_meanwhile_shares_the_next_round() -> None:
    async def scenario() -> None:
        one = Setting()
        one.journal.may_go_on.clear()
        one.take_in(0)
        await one.journal.noted("took 1")
        one.take_in(1, 2, 3)
        one.journal.may_go_on.set()
        await one.outbox.rest(5)
        assert [e for e in one.journal.happened if e.startswith("took")][:2] == ["took 1", "took 3"]
        assert [entry for entry in one.journal.happened if entry.startswith("acked")] == [
            "acked {0: 1}",
            "acked {0: 4}",
        ]

    run(scenario)


def test_nothing_is_acknowledged_when_its_work_fails() -> None:
    async def scenario() -> None:
        one = Setting()
        one.journal.error = LogUnavailable("away")
        one.take_in(0)
        with pytest.raises(LogUnavailable):
            await one.task
        assert one.journal.happened == ["took 1"]

    run(scenario)


def test_reading_waits_while_there_is_no_room() -> None:
    async def scenario() -> None:
        one = Setting(limit=2)
        one.journal.may_go_on.clear()
        one.take_in(0)
        await one.journal.noted("took 1")
        one.take_in(1, 2)
        waiting = asyncio.create_task(one.outbox.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        one.journal.may_go_on.set()
        await waiting

    run(scenario)


def test_work_that_is_due_is_done_though_nothing_comes_in() -> None:
    async def scenario() -> None:
        clock = FixedClock(datetime(2026, 11, 24, tzinfo=UTC))
        one = Setting(clock=clock)
        one.step.due = clock.monotonic()
        await one.journal.noted("took 0")
        one.take_in(0)
        await one.outbox.rest(5)

    run(scenario)


def test_draining_gives_up_after_its_time() -> None:
    async def scenario() -> None:
        one = Setting()
        one.journal.may_go_on.clear()
        one.take_in(0)
        with pytest.raises(Halted, match=r"within 0.01 seconds"):
            await one.outbox.rest(0.01)

    run(scenario)


def test_an_empty_outbox_is_drained_at_once() -> None:
    async def scenario() -> None:
        await Setting().outbox.rest(5)

    run(scenario)


def test_at_rest_nothing_is_written_though_it_is_due_until_it_is_woken() -> None:
    """Between two assignments partitions may have another reader, who has written more than the step knows of."""

    async def scenario() -> None:
        one = Setting()
        one.take_in(0)
        await one.outbox.rest(5)
        await one.outbox.rest(5)  # partitions may move again before they are given out
        before = list(one.journal.happened)
        one.step.due = 0.0
        for _ in range(20):
            await asyncio.sleep(0)
        assert one.journal.happened == before
        one.outbox.wake()
        one.take_in(1)
        await one.outbox.rest(5)
        assert one.journal.happened[-1] == "acked {0: 2}"

    run(scenario)


def test_what_has_to_be_durable_first_is_so_before_anything_is_published() -> None:
    async def scenario() -> None:
        one = Setting()
        may_store = asyncio.Event()

        async def store() -> None:
            await may_store.wait()
            one.journal.note("stored")

        take = one.step.take
        one.step.take = lambda: take()._replace(first=[store()])  # type: ignore[method-assign]
        one.take_in(0)
        await one.journal.noted("took 1")
        for _ in range(20):
            await asyncio.sleep(0)
        assert one.journal.happened == ["took 1"]
        may_store.set()
        await one.journal.noted("published 0")
        assert one.journal.happened[:3] == ["took 1", "stored", "published 0"]

    run(scenario)
