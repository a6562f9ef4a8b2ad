"""Faust's consumer, led by positions of our own; what it fetches for our stages goes to them directly.

Faust begins a partition where the group has committed. While it restores tables it may fetch records of other partitions
and throw them away (`_getmany` below), and it goes back for them only where something had been committed: in a partition
that never was, they are lost. It also commits past records that nobody has seen when acks or fetches come out of order
(faust-streaming #216, #312). So the group's offsets have no say here: every start is at the position that is stored with
the state, and commits only tell others how far that is.

Assignment, recovery of tables and rebalances stay Faust's business. Its way from a fetch to an agent (a message, an event
and an acknowledgement for each record) is what limits a worker, so records are taken off in front of it, a fetch at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP
from typing_extensions import override

from streams.agents.stage import Stage

FETCH_WAIT_MS = 200
"""How long the broker holds a fetch that finds nothing. Records are answered at once, but whatever changes what is to be
fetched (a start, a seek) waits for the fetch that is under way. Faust says 1500."""

_RECOVERY_WAIT_S = 0.05
_NO_ROOM_WAIT_S = 0.01
"""How long a fetch for the others may wait while a stage has no room; then it is looked at again."""

Fetched = Mapping[TP, Sequence[Any]]


class _Thread(AIOKafkaConsumerThread):
    """`seeks` counts how often positions were set. It is read and written in this thread only when records leave the
    client, so that whoever gets records knows whether they were fetched before or after."""

    seeks = 0
    fetched_at = 0
    """What `seeks` was when the last records left the client."""

    @override
    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        self.fetched_at = self.seeks
        return records

    @override
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class PositionedConsumer(Consumer):
    """Begins where the stages' stored positions say, and feeds the stages. A stage without room has nothing more fetched,
    and keeps the others waiting for nothing."""

    stages: Mapping[str, Stage]
    """By topic."""
    _least_seeks = 1
    """Records that were fetched when positions had been set less often are of no use."""

    @override
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    @override
    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # A copy: the set changes while the fetch waits, and an empty one means "all" to the fetcher.
        active = set(active_partitions or ())
        wanted = {tp for tp in active if (stage := self.stages.get(tp.topic)) is None or stage.has_room}
        if not wanted:
            await asyncio.sleep(_NO_ROOM_WAIT_S)
            return {}
        # The last fetch of a recovery waits for nothing that could come, and the first of the streams waits for it.
        if all(map(self._is_changelog_tp, active)):
            timeout = min(timeout, _RECOVERY_WAIT_S)
        if len(wanted) < len(active):
            timeout = min(timeout, _NO_ROOM_WAIT_S)
        records = await super()._getmany(wanted, timeout)
        return self._handed_out(records or {})

    def _handed_out(self, records: Fetched) -> Fetched:
        """What is left for Faust once the stages have theirs. Records from before positions were set, or from a time at
        which partitions move, are dropped: they come again from the stored position."""
        thread: Any = self._thread
        is_current = self.flow_active and thread.fetched_at == thread.seeks >= self._least_seeks
        left = {}
        for tp, some in records.items():
            stage = self.stages.get(tp.topic)
            if stage is None:
                left[tp] = some
            elif is_current:
                stage.offer(tp.partition, some)
        return left

    @override
    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        thread: Any = self._thread
        self._least_seeks = thread.seeks + 1
        await super().on_partitions_revoked(revoked)

    @override
    async def perform_seek(self) -> None:
        assigned = self.assignment()
        stored = {
            tp: stage.stored_position(tp.partition)
            for tp in assigned
            if (stage := self.stages.get(tp.topic)) is not None
        }
        await self._thread.call_thread(self._go_to, stored)
        self._committed_offset.update(stored)

    async def _go_to(self, stored: Mapping[TP, int]) -> None:
        thread: Any = self._thread
        consumer: Any = thread._ensure_consumer()
        for tp, offset in stored.items():
            consumer.seek(tp, offset)
            self._read_offset[tp] = offset or None
        thread.seeks += 1

    @override
    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Tell the group how far the stages have come: what they acknowledge is durable, in order and without holes, so
        that there is nothing to work out from acknowledgements of single events."""
        ours = self.assignment()
        reached = {
            tp: end
            for stage in self.stages.values()
            for number, end in stage.acknowledged.items()
            if (tp := TP(stage.topic, number)) in ours and end > (self._committed_offset[tp] or 0)
        }
        # Faust would first wait until its producer has nothing to send, which under load is never.
        did_commit = bool(reached) and await self._commit(reached)
        self._committed_offset.update(reached)
        return did_commit

    @override
    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust looks at its own streams, through which nothing comes; `streams.watch` looks at the stages."""


def led(stages: Collection[Stage]) -> type[PositionedConsumer]:
    """The class of a consumer for these stages; Faust makes the object."""
    attributes = {
        # `__module__` names its logger; without it that would be Python's `abc`.
        "__module__": __name__,
        "stages": {stage.topic: stage for stage in stages},
    }
    return type("LedConsumer", (PositionedConsumer,), attributes)
