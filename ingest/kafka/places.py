"""Single places of the log: read the record at one, and put a record onto a partition that is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ingest.errors import LogUnavailable
from ingest.kafka.spans import KafkaSpanReader, everything, spans
from ingest.log import Record

_LARGEST_RECORD_BYTES = 1024 * 1024
_TIMEOUT_S = 30.0
_READ_S = 0.5


class KafkaPlaces:
    """Use as an async context manager. Every method raises LogUnavailable when the broker does not answer in time."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_request_size=_LARGEST_RECORD_BYTES,
            request_timeout_ms=int(_TIMEOUT_S * 1000),
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

    async def everything(self, topic: str) -> AsyncIterator[Record]:
        """Every record that `topic` holds now, each partition in order."""
        async for record in everything(self._bootstrap, topic, self._client_id):
            yield record

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record that stands there; None where the log no longer holds it, or never did."""
        held = (await spans(self._bootstrap, topic)).get(partition)
        if held is None or not held.begin <= offset < held.end:
            return None
        ends, start = {partition: offset + 1}, {partition: offset}
        async with KafkaSpanReader(self._bootstrap, topic, ends, lambda _: start, self._client_id) as reader:
            while not await reader.is_done():
                for record in (await reader.read(1, _READ_S)).get(partition, ()):
                    return record
        return None

    async def put(self, topic: str, partition: int | None, key: bytes | None, value: bytes | None) -> int:
        """Write one record (None: onto the partition where its key belongs); its offset, once every replica that the topic
        demands has it."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                stood = await self._producer.send_and_wait(topic, value, key, partition=partition)
        except (KafkaError, TimeoutError, AssertionError) as reason:
            raise LogUnavailable(f"{topic} did not take the record: {reason!r}") from reason
        return int(stood.offset)
