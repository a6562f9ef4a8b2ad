"""One topic of Faust, led through one step: order checked on the way in, acknowledged on the way out.

Faust assigns, fetches and restores tables; what it may get wrong is not believed. Reading begins at the position that is
stored with the state (`streams.agents.consumer`), and every record is checked to follow on the one before. Nothing is
acknowledged before its work is durable, and then in order. An error anywhere ends the process (an agent that fails inside Faust would stall in silence), which begins again
from what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from ingest.clock import Clock
from ingest.errors import Halted
from ingest.log import EventPublisher, Record
from streams.agents.tables import Table
from streams.outbox import Outbox, Taken
from streams.positions import Place, Positions
from streams.step import Step

_LOG = logging.getLogger(__name__)

DRAIN_S = 4.0
"""How long a rebalance waits for records taken in to be written; below the session timeout."""

Fail = Callable[[BaseException], None]
"""Called with an error that the process must not survive."""


class Surroundings(NamedTuple):
    """What all stages of a worker share."""

    app: Any
    positions: Table
    """Per partition and topic, the offset behind the last record whose work is durable."""
    publisher: EventPublisher
    clock: Clock
    fail: Fail


class Stage:
    """Feeds `step` with the records of `topic`. `has_gaps`: the topic is compacted, so that gaps mean nothing."""

    def __init__(self, around: Surroundings, topic: str, step: Step, has_gaps: bool = False) -> None:
        self.topic = str(topic)
        self.read = Positions()
        self._app = around.app
        self._step = step
        self._stored = around.positions
        self._fail = around.fail
        self._has_gaps = has_gaps
        self._is_paused = True
        self._outbox = Outbox(step, around.publisher, self._mark, around.clock)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write. Call within the running loop."""
        self._task = asyncio.create_task(self._outbox.run(), name=f"outbox of {self.topic}")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Write what was taken in, and end."""
        self._is_paused = True
        if self._task is not None:
            await self._outbox.drain(DRAIN_S)
            self._task.cancel()
            await asyncio.wait([self._task])

    async def pause(self) -> None:
        """Partitions are about to move: write what was taken in, take in nothing more."""
        self._is_paused = True
        await self._outbox.drain(DRAIN_S)

    def resume(self, partitions: Sequence[int]) -> None:
        """Tables are restored: begin again as the reader of `partitions`."""
        self.read.begin({partition: self.stored_position(partition) for partition in partitions})
        self._step.restore(partitions)
        self._is_paused = False

    def stored_position(self, partition: int) -> int:
        """The offset behind the last record whose work is durable; 0 before the first."""
        return int(self._stored.get(partition, self.topic.encode()) or 0)

    async def consume(self, stream: Any) -> None:
        """The agent. Faust would start it again after an error, and go on behind the record that caused it."""
        try:
            await self._consume(stream)
        except Exception as error:
            self._fail(error)
            raise

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            await self._outbox.room()
            if self._is_paused or message.partition not in self.read:
                continue  # Faust gives it out again, to whoever reads the partition then
            if not self._has_gaps and self.read.place(message.partition, message.offset) is Place.GAP:
                await self._judge_gap(message.partition, message.offset)
            self._step.accept(_record(message))
            self.read.took(message.partition, message.offset)
            self._outbox.put(Taken(message.partition, message.offset, event.ack))

    async def _judge_gap(self, partition: int, offset: int) -> None:
        """A gap that the log itself has, where its retention has ended, is passed. Any other one ends the process,
        which begins again from the stored position."""
        due, tp = self.read.due(partition), TP(self.topic, partition)
        if (await self._app.consumer.earliest_offsets(tp))[tp] < offset:
            raise Halted(f"{self.topic}/{partition}: offset {offset} came where {due} was due")
        _LOG.warning("%s/%d: offsets %d to %d are no longer kept", self.topic, partition, due, offset - 1)

    def _mark(self, taken: Sequence[Taken]) -> Awaitable[None]:
        ends = {record.partition: record.offset + 1 for record in taken}
        for partition, end in ends.items():
            if end > self.stored_position(partition):
                self._stored.put(partition, self.topic.encode(), str(end).encode())
        return self._stored.flush()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


def _record(message: Any) -> Record:
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        int(message.timestamp * 1000),
    )
