"""`PartitionReader` on Kafka: a group decides who reads a partition, stored results decide from where."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from ingest.errors import LogUnavailable, SpendstreamError
from ingest.log import Positions, PositionSource, Record

_LOG = logging.getLogger(__name__)

# Records are answered at once; but other questions to the same broker (where does a partition end?) wait in line behind
# a fetch that found nothing.
_FETCH_WAIT_MS = 200


class KafkaReader(ConsumerRebalanceListener):  # type: ignore[misc]
    """Use as an async context manager. `member` is a stable name of this process within the group (static membership:
    a quick restart takes its partitions up again without a rebalance). Gaps of a topic that `is_compacted` are expected.

    When `positions` fails (the place that holds them is away), `read` raises what it raised, and so from then on: make a
    new reader. LogUnavailable is raised where Kafka fails.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        group: str,
        member: str | None,
        positions: PositionSource,
        *,
        is_compacted: bool = False,
    ) -> None:
        self._topic = topic
        self._bootstrap = bootstrap
        self._positions = positions
        self._is_compacted = is_compacted
        self._next: dict[int, int] = {}
        self._gaps: dict[int, int] = {}
        self._failure: Exception | None = None
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=group,
            group_id=group,
            group_instance_id=member,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=1000,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )

    async def __aenter__(self) -> Self:
        try:
            self._consumer.subscribe([self._topic], listener=self)
            await self._consumer.start()
        except (KafkaError, OSError) as reason:
            await self._consumer.stop()
            raise LogUnavailable(f"{self._topic} cannot be read at {self._bootstrap}: {reason!r}") from reason
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        for partition in revoked:
            self._next.pop(partition.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        # aiokafka would log an exception and go on from the group's offsets: keep it for `read`, which gives out
        # nothing of these partitions meanwhile.
        try:
            await self._begin(assigned)
        except (SpendstreamError, KafkaError) as reason:
            self._failure = reason

    async def _begin(self, assigned: Sequence[TopicPartition]) -> None:
        if not assigned:
            return
        stored = await asyncio.to_thread(self._positions, [partition.partition for partition in assigned])
        beginnings = await self._consumer.beginning_offsets(list(assigned))
        for partition in assigned:
            start = max(stored.get(partition.partition, 0), beginnings[partition])
            self._consumer.seek(partition, start)
            self._next[partition.partition] = start

    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        self._raise_failure()
        try:
            batches = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        except KafkaError as reason:
            raise LogUnavailable(f"{self._topic} cannot be read: {reason!r}") from reason
        self._raise_failure()
        return {p.partition: records for p, ms in batches.items() if (records := self._contiguous(p, ms))}

    def _raise_failure(self) -> None:
        if isinstance(self._failure, SpendstreamError):
            raise self._failure
        if self._failure is not None:
            raise LogUnavailable(f"{self._topic} cannot be read: {self._failure!r}") from self._failure

    def _contiguous(self, partition: TopicPartition, messages: Sequence[object]) -> list[Record]:
        """The records that follow on what was given out before. A repeat is dropped. A gap sends the reader back once;
        when it is still there after that, it is the log's own (retention, a transaction's marker)."""
        records: list[Record] = []
        number = partition.partition
        for m in messages:
            expected = self._next.get(number)
            if expected is None:
                break  # revoked meanwhile
            offset: int = m.offset  # type: ignore[attr-defined]
            if offset > expected and not self._is_compacted and self._gaps.get(number) != expected:
                self._gaps[number] = expected
                self._consumer.seek(partition, expected)
                break
            if offset >= expected:
                records.append(
                    Record(
                        self._topic,
                        number,
                        offset,
                        m.key,  # type: ignore[attr-defined]
                        m.value,  # type: ignore[attr-defined]
                        m.timestamp,  # type: ignore[attr-defined]
                    )
                )
                self._next[number] = offset + 1
        return records

    async def commit(self, positions: Positions) -> None:
        try:
            await self._consumer.commit(
                {TopicPartition(self._topic, number): offset for number, offset in positions.items()}
            )
        except (CommitFailedError, KafkaError) as reason:
            # The commit is a hint for people who watch the lag; the warehouse holds the proof.
            _LOG.warning("the group's offsets of %s could not be committed: %r", self._topic, reason)

    async def ends(self) -> Positions:
        assigned = list(self._consumer.assignment())
        try:
            ends = await self._consumer.end_offsets(assigned) if assigned else {}
        except KafkaError as reason:
            raise LogUnavailable(f"the end of {self._topic} is not known: {reason!r}") from reason
        return {partition.partition: end for partition, end in ends.items()}
