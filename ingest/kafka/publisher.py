"""`PartitionPublisher` on Kafka: idempotent producer, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ingest.errors import LogUnavailable
from ingest.log import Outgoing

_BATCH_BYTES = 256 * 1024
_LARGEST_RECORD_BYTES = 1024 * 1024


class KafkaPublisher:
    """Use as an async context manager. `timeout_s` bounds one `publish` call, in seconds."""

    def __init__(self, bootstrap: str, client_id: str, timeout_s: float = 10.0, linger_ms: int = 0) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST_RECORD_BYTES,
            linger_ms=linger_ms,
            request_timeout_ms=int(timeout_s * 1000),
        )

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except (KafkaError, OSError) as reason:
            await self._producer.stop()
            raise LogUnavailable(f"no Kafka broker answered at {self._bootstrap}: {reason}") from reason
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                sent = [
                    await self._producer.send(
                        r.topic, value=r.value, key=r.key.encode(), partition=r.partition
                    )
                    for r in records
                ]
                await asyncio.gather(*sent)
        except TimeoutError as reason:
            raise LogUnavailable(
                f"{len(records)} records were not acknowledged within {self._timeout_s:g} seconds"
            ) from reason
        except KafkaError as reason:
            raise LogUnavailable(f"{len(records)} records were not acknowledged: {reason!r}") from reason

    async def partitions_of(self, topic: str) -> Sequence[int]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return sorted(await self._producer.partitions_for(topic))
        except (TimeoutError, KafkaError) as reason:
            raise LogUnavailable(f"the partitions of {topic} are not known: {reason!r}") from reason
