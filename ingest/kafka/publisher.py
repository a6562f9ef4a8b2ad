"""`PartitionPublisher` on Kafka: idempotent producer, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from ingest.errors import LogUnavailable
from ingest.kafka.batches import KeyedValue, partition_hash, send_in_order
from ingest.log import Outgoing

_BATCH_BYTES = 256 * 1024
_CANCEL_AGAIN_S = 0.1
_LARGEST_RECORD_BYTES = 1024 * 1024


class KafkaPublisher:
    """Use as an async context manager. `timeout_s` bounds one `publish` call, in seconds.

    After a failure the next call begins with a new producer. aiokafka (0.14) takes the sequence numbers of a batch that
    it gives up (its partition had no leader until it expired) for used: the broker refuses whatever that producer sends
    to the partition from then on, for ever. And what the old one still holds must not arrive behind what is sent anew.
    """

    def __init__(self, bootstrap: str, client_id: str, timeout_s: float = 10.0, linger_ms: int = 0) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._linger_ms = linger_ms
        self._renewing = asyncio.Lock()
        self._is_spoiled = False
        self._producer = self._made()

    def _made(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            # The least work for each byte; lz4, as this client calls it, takes eight times as long to save a third more.
            compression_type="snappy",
            max_batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST_RECORD_BYTES,
            linger_ms=self._linger_ms,
            request_timeout_ms=int(self._timeout_s * 1000),
        )

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def _start(self) -> None:
        try:
            await self._producer.start()
        except (KafkaError, OSError) as reason:
            await self._producer.stop()
            raise LogUnavailable(f"no Kafka broker answered at {self._bootstrap}: {reason}") from reason

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self._is_spoiled:
            await self._renew()
        producer = self._producer
        try:
            await self._publish(records, producer)
        except LogUnavailable:
            if producer is self._producer:
                self._is_spoiled = True
            raise

    async def _renew(self) -> None:
        """Another producer in place of the spoiled one. Raises LogUnavailable while no broker answers."""
        async with self._renewing:
            if not self._is_spoiled:
                return  # somebody else did it meanwhile
            await _abandon(self._producer)
            self._producer = self._made()
            await self._start()
            self._is_spoiled = False

    async def _publish(self, records: Sequence[Outgoing], producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                by_partition = await self._by_partition(records)
                done = await asyncio.gather(
                    *(send_in_order(producer, *where, some) for where, some in by_partition.items()),
                    return_exceptions=True,
                )
        except TimeoutError as reason:
            raise LogUnavailable(
                f"{len(records)} records were not acknowledged within {self._timeout_s:g} seconds"
            ) from reason
        except KafkaError as reason:
            raise _not_acknowledged(records, reason) from reason
        for error in done:
            if isinstance(error, KafkaError):
                raise _not_acknowledged(records, error) from error
            if isinstance(error, BaseException):
                raise error

    async def _by_partition(
        self, records: Sequence[Outgoing]
    ) -> Mapping[tuple[str, int], Sequence[KeyedValue]]:
        """What goes to each partition, in order."""
        found: defaultdict[tuple[str, int], list[KeyedValue]] = defaultdict(list)
        numbers: dict[str, list[int]] = {}
        for record in records:
            key, topic, partition = record.key.encode(), record.topic, record.partition
            if partition is None:
                if (of_topic := numbers.get(topic)) is None:
                    of_topic = numbers[topic] = sorted(await self._producer.partitions_for(topic))
                partition = of_topic[partition_hash(key) % len(of_topic)]
            found[topic, partition].append((key, record.value))
        return found

    async def partitions_of(self, topic: str) -> Sequence[int]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return sorted(await self._producer.partitions_for(topic))
        except (TimeoutError, KafkaError) as reason:
            raise LogUnavailable(f"the partitions of {topic} are not known: {reason!r}") from reason


def _not_acknowledged(records: Sequence[Outgoing], reason: BaseException) -> LogUnavailable:
    return LogUnavailable(f"{len(records)} records were not acknowledged: {reason!r}")


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End a producer without sending what it still holds; whoever waits for that gets an error. (Its own `stop` would
    send it first, for as long as that takes.)"""
    sender, held = producer._sender, producer._message_accumulator
    if sender is not None and (task := sender.sender_task) is not None:
        # Told once, it would first wait for requests under way, which wait for a broker that may never come back.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)
    for batch in [
        *held._pending_batches,
        *(batch for batches in held._batches.values() for batch in batches),
    ]:
        batch.failure(ProducerClosed())
        for future in (batch.future, batch._drain_waiter):
            if future.done() and not future.cancelled():
                future.exception()  # seen: nobody may be waiting for it
    await producer.stop()
