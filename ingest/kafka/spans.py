"""Reading a topic once, from where its results are stored to where it ended at some moment, as nobody's group.

The topic is not followed, and nobody who reads it as a group is disturbed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ingest.errors import LogUnavailable
from ingest.log import Positions, PositionSource, Record

_START_S = 30.0
_FETCH_WAIT_MS = 200
_PORTION = 2000
_READ_S = 0.5


class Span(NamedTuple):
    """What a partition holds: from offset `begin` up to but not including `end`."""

    begin: int
    end: int

    @property
    def records(self) -> int:
        """How many there are, where the log has no gaps of its own."""
        return self.end - self.begin


async def spans(bootstrap: str, topic: str) -> dict[int, Span]:
    """What every partition of `topic` holds now; empty where there is no such topic. Raises LogUnavailable."""
    consumer = _consumer(bootstrap, f"spendstream-spans-{topic}")
    try:
        async with asyncio.timeout(_START_S):
            await consumer.start()
            partitions = await _partitions(consumer, topic)
            begins = await consumer.beginning_offsets(partitions) if partitions else {}
            ends = await consumer.end_offsets(partitions) if partitions else {}
    except (KafkaError, OSError, TimeoutError) as reason:
        raise LogUnavailable(f"what {topic} holds is not known at {bootstrap}: {reason!r}") from reason
    finally:
        await consumer.stop()
    return {p.partition: Span(begins[p], ends[p]) for p in partitions}


class KafkaSpanReader:
    """A `PartitionReader` of every partition in `ends`, up to but not including that offset. Use as an async context
    manager. It begins where `positions` says (blocks; asked in a thread), else at the beginning of the log."""

    def __init__(
        self, bootstrap: str, topic: str, ends: Positions, positions: PositionSource, client_id: str
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._ends = dict(ends)
        self._positions = positions
        self._consumer = _consumer(bootstrap, client_id)

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except (KafkaError, OSError) as reason:
            await self._consumer.stop()
            raise LogUnavailable(f"{self._topic} cannot be read at {self._bootstrap}: {reason!r}") from reason
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def _begin(self) -> None:
        await self._consumer.start()
        partitions = [TopicPartition(self._topic, number) for number in sorted(self._ends)]
        if not partitions:
            return
        await _partitions(self._consumer, self._topic)
        self._consumer.assign(partitions)
        stored = await asyncio.to_thread(self._positions, sorted(self._ends))
        begins = await self._consumer.beginning_offsets(partitions)
        for partition in partitions:
            self._consumer.seek(partition, max(stored.get(partition.partition, 0), begins[partition]))

    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        """What has arrived, by partition; empty at the end."""
        waiting = [p for p in self._consumer.assignment() if not await self._is_past(p)]
        if not waiting:
            return {}
        try:
            batches = await self._consumer.getmany(
                *waiting, timeout_ms=int(timeout_s * 1000), max_records=max_records
            )
        except KafkaError as reason:
            raise LogUnavailable(f"{self._topic} cannot be read: {reason!r}") from reason
        found = {
            partition.partition: [
                Record(m.topic, m.partition, m.offset, m.key, m.value, m.timestamp)
                for m in messages
                if m.offset < self._ends[partition.partition]
            ]
            for partition, messages in batches.items()
        }
        return {number: records for number, records in found.items() if records}

    async def commit(self, positions: Positions) -> None:
        """Nothing: there is no group to tell."""

    async def ends(self) -> Positions:
        return self._ends

    async def is_done(self) -> bool:
        """Whether everything before the ends was given out."""
        return all([await self._is_past(partition) for partition in self._consumer.assignment()])

    async def _is_past(self, partition: TopicPartition) -> bool:
        # The position, not the last record's offset: compaction may have removed the records before the end.
        position: int = await self._consumer.position(partition)
        return position >= self._ends[partition.partition]


async def everything(bootstrap: str, topic: str, client_id: str) -> AsyncIterator[Record]:
    """Every record that `topic` holds now, each partition in order. Raises LogUnavailable."""
    ends = {number: span.end for number, span in (await spans(bootstrap, topic)).items()}
    async with KafkaSpanReader(bootstrap, topic, ends, lambda _: {}, client_id) as reader:
        while not await reader.is_done():
            for records in (await reader.read(_PORTION, _READ_S)).values():
                for record in records:
                    yield record


def _consumer(bootstrap: str, client_id: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Those of `topic`; partitions of topics that one has not subscribed to are unknown until asked for."""
    consumer._client.add_topic(topic)
    await consumer._client.force_metadata_update()
    numbers = consumer.partitions_for_topic(topic) or set()
    return [TopicPartition(topic, number) for number in sorted(numbers)]
