"""One topic of Faust, led through one step: order checked on the way in, acknowledged on the way out.

Faust assigns, fetches and restores tables; what it may get wrong is not believed. Reading begins at the position that is
stored with the state (`streams.agents.consumer`), and every record is checked to follow on the one before. Records come
here as they were fetched, many at once, past Faust's streams, whose work for each single event is several times what the
steps do. Nothing is acknowledged before its work is durable, and then in order. An error anywhere ends the process (an
agent that fails inside Faust would stall in silence), which begins again from what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from ingest.clock import Clock
from ingest.errors import Halted
from ingest.log import EventPublisher, Record
from streams.agents.tables import Table
from streams.outbox import Ends, Outbox
from streams.positions import Positions
from streams.step import Step

_LOG = logging.getLogger(__name__)

DRAIN_S = 4.0
"""How long a rebalance waits for records taken in to be written; below the session timeout."""
INBOX = 4000
"""Records that may wait to be taken in; beyond, no more of this topic are fetched."""
_AT_ONCE = 100
"""Records that are taken in before others have their turn: a few milliseconds."""

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
        self._beginnings = 0
        self._inbox: deque[tuple[int, Sequence[Any]]] = deque()
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._acknowledged: dict[int, int] = {}
        self._outbox = Outbox(step, around.publisher, self._mark, self._acknowledged.update, around.clock)
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begin to take in and to write. Call within the running loop."""
        self._tasks = (
            asyncio.create_task(self._take_in(), name=f"inbox of {self.topic}"),
            asyncio.create_task(self._outbox.run(), name=f"outbox of {self.topic}"),
        )
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Write what was taken in, and end."""
        await self.pause()
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    async def pause(self) -> None:
        """Partitions are about to move: write what was taken in, take in and write nothing more. What waits comes again,
        to whoever reads its partition then."""
        self._is_paused = True
        self._inbox.clear()
        self._waiting = 0
        if self._tasks:
            await self._outbox.rest(DRAIN_S)

    def resume(self, partitions: Sequence[int]) -> None:
        """Tables are restored: begin again as the reader of `partitions`."""
        self.read.begin({partition: self.stored_position(partition) for partition in partitions})
        self._acknowledged.clear()
        self._step.restore(partitions)
        self._beginnings += 1
        self._is_paused = False
        self._outbox.wake()

    def stored_position(self, partition: int) -> int:
        """The offset behind the last record whose work is durable; 0 before the first."""
        return int(self._stored.get(partition, self.topic.encode()) or 0)

    @property
    def acknowledged(self) -> Ends:
        """Partition -> the offset behind its last record that was acknowledged since reading began."""
        return self._acknowledged

    @property
    def has_room(self) -> bool:
        """Whether more should be fetched."""
        return self._waiting < INBOX

    def offer(self, partition: int, messages: Sequence[Any]) -> None:
        """Records of one partition, in order, as Kafka's client has them."""
        if not self._is_paused and partition in self.read:
            self._inbox.append((partition, messages))
            self._waiting += len(messages)
            self._arrived.set()

    async def consume(self, stream: Any) -> None:
        """The agent, by which Faust subscribes to the topic. All records are taken off on the way to it."""
        async for event in stream.noack().events():
            error = Halted(
                f"{self.topic}/{event.message.partition}: {event.message.offset} went to Faust's stream"
            )
            self._fail(error)
            raise error

    async def _take_in(self) -> None:
        while True:
            await self._arrived.wait()
            await self._outbox.room()
            if not self._inbox:
                self._arrived.clear()
                continue
            partition, messages = self._inbox.popleft()
            self._waiting -= len(messages)
            count = self._following(partition, messages[:_AT_ONCE])
            if not count:
                begun = self._beginnings
                await self._judge_gap(partition, messages[0].offset)
                if self._is_paused or begun != self._beginnings:
                    continue
                count = 1
            self._take(partition, messages[:count])
            if rest := messages[count:]:
                self._inbox.appendleft((partition, rest))
                self._waiting += len(rest)
            await asyncio.sleep(0)

    def _following(self, partition: int, messages: Sequence[Any]) -> int:
        """How many of `messages`, from the first, leave no gap."""
        if self._has_gaps:
            return len(messages)
        return self.read.following(partition, (message.offset for message in messages))

    def _take(self, partition: int, messages: Sequence[Any]) -> None:
        for message in messages:
            self._step.accept(_record(message))
        last = messages[-1].offset
        self.read.took(partition, last)
        self._outbox.put(partition, last + 1, len(messages))

    async def _judge_gap(self, partition: int, offset: int) -> None:
        """A gap that the log itself has, where its retention has ended, is passed. Any other one ends the process,
        which begins again from the stored position."""
        due, tp = self.read.due(partition), TP(self.topic, partition)
        if (await self._app.consumer.earliest_offsets(tp))[tp] < offset:
            raise Halted(f"{self.topic}/{partition}: offset {offset} came where {due} was due")
        _LOG.warning("%s/%d: offsets %d to %d are no longer kept", self.topic, partition, due, offset - 1)

    def _mark(self, ends: Ends) -> Awaitable[None]:
        for partition, end in ends.items():
            if end > self.stored_position(partition):
                self._stored.put(partition, self.topic.encode(), str(end).encode())
        return self._stored.flush()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


def _record(message: Any) -> Record:
    return Record(
        message.topic, message.partition, message.offset, message.key, message.value, message.timestamp
    )
