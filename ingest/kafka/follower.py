"""`TopicFollower` on Kafka: no group, every partition, from the beginning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ingest.errors import LogUnavailable
from ingest.log import Record

_START_S = 30.0


class KafkaFollower:
    """Follows `topic`. One use: make a new one to begin again."""

    def __init__(self, bootstrap: str, topic: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._client_id = client_id
        self._caught_up = asyncio.Event()

    async def records(self) -> AsyncIterator[Record]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            ends = await self._start(consumer)
            missing = await self._not_yet_read(consumer, ends)
            while True:
                if not missing:
                    self._caught_up.set()
                batches = await consumer.getmany(timeout_ms=500)
                for partition, messages in batches.items():
                    for m in messages:
                        yield Record(m.topic, partition.partition, m.offset, m.key, m.value, m.timestamp)
                if missing:
                    missing = await self._not_yet_read(consumer, ends)
        finally:
            await consumer.stop()

    async def caught_up(self) -> None:
        await self._caught_up.wait()

    async def _start(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        try:
            async with asyncio.timeout(_START_S):
                await consumer.start()
                numbers = await self._partitions(consumer)
                partitions = [TopicPartition(self._topic, number) for number in numbers]
                consumer.assign(partitions)
                await consumer.seek_to_beginning(*partitions)
                return dict(await consumer.end_offsets(partitions))
        except (KafkaError, OSError, TimeoutError) as reason:
            raise LogUnavailable(
                f"topic {self._topic} cannot be followed at {self._bootstrap}: {reason!r}"
            ) from reason

    async def _partitions(self, consumer: AIOKafkaConsumer) -> set[int]:
        """The topic's partitions; waits while the topic is being created."""
        while True:
            await consumer._client.force_metadata_update()
            numbers = consumer._client.cluster.partitions_for_topic(self._topic)
            if numbers:
                return set(numbers)
            consumer._client.add_topic(self._topic)
            await asyncio.sleep(0.1)

    async def _not_yet_read(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
        # The position, not the last record's offset: compaction may have removed the records before the end.
        return any([await consumer.position(partition) < end for partition, end in ends.items()])
