"""`PartitionReader` on Kafka: a group decides who reads a partition, stored results decide from where."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from ingest.errors import LogUnavailable
from ingest.log import Positions, PositionSource, Record

_LOG = logging.getLogger(__name__)


class KafkaReader(ConsumerRebalanceListener):  # type: ignore[misc]
    """Use as an async context manager. `member` is a stable name of this process within the group (static membership:
    a quick restart takes its partitions up again without a rebalance)."""

    def __init__(
        self, bootstrap: str, topic: str, group: str, member: str | None, positions: PositionSource
    ) -> None:
        self._topic = topic
        self._bootstrap = bootstrap
        self._positions = positions
        self._next: dict[int, int] = {}
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
        numbers = [partition.partition for partition in assigned]
        stored = await asyncio.to_thread(self._positions, numbers) if numbers else {}
        beginnings = await self._consumer.beginning_offsets(list(assigned)) if numbers else {}
        for partition in assigned:
            start = max(stored.get(partition.partition, 0), beginnings[partition])
            self._consumer.seek(partition, start)
            self._next[partition.partition] = start

    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        batches = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return {p.partition: records for p, ms in batches.items() if (records := self._contiguous(p, ms))}

    def _contiguous(self, partition: TopicPartition, messages: Sequence[object]) -> list[Record]:
        """The records that follow on what was given out before; a gap sends the reader back, a repeat is dropped."""
        records: list[Record] = []
        for m in messages:
            expected = self._next.get(partition.partition)
            if expected is None:
                break  # revoked meanwhile
            offset: int = m.offset  # type: ignore[attr-defined]
            if offset > expected:
                _LOG.warning("%s: offset %d came where %d was due; going back", partition, offset, expected)
                self._consumer.seek(partition, expected)
                break
            if offset == expected:
                records.append(
                    Record(
                        self._topic,
                        partition.partition,
                        offset,
                        m.key,  # type: ignore[attr-defined]
                        m.value,  # type: ignore[attr-defined]
                        m.timestamp,  # type: ignore[attr-defined]
                    )
                )
                self._next[partition.partition] = offset + 1
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
        ends = await self._consumer.end_offsets(assigned) if assigned else {}
        return {partition.partition: end for partition, end in ends.items()}
