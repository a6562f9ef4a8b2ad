"""How far a group has come on the broker's own word, for those who watch whether work gets done.

Asked with connections of its own: a client that has stopped fetching believes that nothing is there to fetch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ingest.errors import LogUnavailable


class Lag(NamedTuple):
    """The offset that a group has committed in a partition (0 before its first commit), and the partition's end."""

    committed: int
    end: int


class GroupLag:
    """Use as an async context manager. `timeout_s` bounds one question, in seconds."""

    def __init__(self, bootstrap: str, group: str, topics: Iterable[str], timeout_s: float = 10.0) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = tuple(topics)
        self._timeout_s = timeout_s
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id=f"{group}-lag")
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, client_id=f"{group}-lag", enable_auto_commit=False
        )

    async def __aenter__(self) -> Self:
        try:
            await self._admin.start()
            await self._consumer.start()
            # Partitions of topics that one has not subscribed to are unknown until asked for.
            for topic in self._topics:
                self._consumer._client.add_topic(topic)
        except (KafkaError, OSError) as reason:
            await self._stop()
            raise LogUnavailable(f"no Kafka broker answered at {self._bootstrap}: {reason!r}") from reason
        except asyncio.CancelledError:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def ask(self) -> dict[TopicPartition, Lag]:
        """By partition. Raises LogUnavailable when the broker does not say in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._consumer._client.force_metadata_update()
                partitions = [
                    TopicPartition(topic, number)
                    for topic in self._topics
                    for number in self._consumer.partitions_for_topic(topic) or ()
                ]
                ends = await self._consumer.end_offsets(partitions)
                committed = await self._admin.list_consumer_group_offsets(self._group)
        except (KafkaError, OSError, TimeoutError) as reason:
            raise LogUnavailable(f"the lag of {self._group} is not known: {reason!r}") from reason
        return {
            partition: Lag(max(committed[partition].offset, 0) if partition in committed else 0, end)
            for partition, end in ends.items()
        }

    async def _stop(self) -> None:
        await self._consumer.stop()
        await self._admin.close()
