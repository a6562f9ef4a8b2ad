"""Faust's consumer, led by positions of our own.

Faust begins a partition where the group has committed. While it restores tables it may fetch records of other partitions
and throw them away (`_getmany` below), and it goes back for them only where something had been committed: in a partition
that never was, they are lost. It also commits past records that nobody has seen when acks or fetches come out of order
(faust-streaming #216, #312). So the group's offsets have no say here: every start is at the position that is stored with
the state, and commits only tell others how far that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP
from typing_extensions import override

StoredPositions = Callable[[Iterable[TP]], Mapping[TP, int]]
"""The offset of the next record, for those of the partitions that a stage reads."""


FETCH_WAIT_MS = 200
"""How long the broker holds a fetch that finds nothing. Records are answered at once, but whatever changes what is to be
fetched (a start, a seek) waits for the fetch that is under way. Faust says 1500."""

_RECOVERY_WAIT_S = 0.05


class _Thread(AIOKafkaConsumerThread):
    patient_topics: frozenset[str] = frozenset()

    @override
    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        """What has arrived on other topics goes before what has arrived on the patient ones."""
        urgent = {tp for tp in active_partitions if tp.topic not in self.patient_topics}
        records = await super()._fetch_records(consumer, urgent, 0.0, max_records) if urgent else {}
        return records or await super()._fetch_records(consumer, active_partitions, timeout, max_records)

    @override
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class PositionedConsumer(Consumer):
    """Begins where `positions` says. A backlog of `patient_topics` keeps nothing waiting: Faust works off whatever it has
    fetched before it looks for anything else."""

    positions: StoredPositions
    patient_topics: frozenset[str] = frozenset()

    @override
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        thread = _Thread(self, loop=self.loop, beacon=self.beacon)
        thread.patient_topics = self.patient_topics
        return thread

    @override
    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # A copy: the set changes while the fetch waits, and an empty one means "all" to the fetcher.
        active = set(active_partitions or ())
        # The last fetch of a recovery waits for nothing that could come, and the first of the streams waits for it.
        is_recovery = all(map(self._is_changelog_tp, active))
        return await super()._getmany(active, min(timeout, _RECOVERY_WAIT_S) if is_recovery else timeout)

    @override
    async def perform_seek(self) -> None:
        stored = dict(self.positions(self.assignment()))
        await self._thread.call_thread(self._go_to, stored)
        self._committed_offset.update(stored)

    @override
    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        # Faust first waits until its producer has nothing to send, which under load is never. What is acknowledged
        # here is durable already.
        ours = self.assignment()
        reached = {tp: offset for tp, offset in offsets.items() if tp in ours}
        did_commit = bool(reached) and await self._commit(reached)
        self._committed_offset.update(reached)
        return did_commit

    async def _go_to(self, stored: Mapping[TP, int]) -> None:
        consumer: Any = self._thread._ensure_consumer()
        for tp, offset in stored.items():
            consumer.seek(tp, offset)
            self._read_offset[tp] = offset or None


def led_by(positions: StoredPositions, patient_topics: frozenset[str]) -> type[PositionedConsumer]:
    """The class of a consumer with these attributes; Faust makes the object."""
    # `__module__` names its logger; without it that would be Python's `abc`.
    attributes = {
        "__module__": __name__,
        "positions": staticmethod(positions),
        "patient_topics": patient_topics,
    }
    return type("LedConsumer", (PositionedConsumer,), attributes)
