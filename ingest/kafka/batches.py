"""Records of one partition as whole batches, one strictly after the other.

A producer that is given record by record makes a future for each and cuts batches where it likes: it may lose one and
deliver the next. Here a batch is sent only when the one before is on the log, so that what a failure leaves there is a
beginning of what was to be sent; and a batch costs one future, however many records it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

KeyedValue = tuple[bytes, bytes | None]
"""A record's key and value; None is a tombstone."""


async def send_in_order(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[KeyedValue]
) -> int:
    """Returns the offset of the last record once all of `records`, at least one, are on the log.

    Raises KafkaError; then a beginning of them may be there.
    """
    sent, last = 0, -1
    while sent < len(records):
        batch = producer.create_batch()
        first = sent
        for key, value in records[first:]:
            if batch.append(key=key, value=value, timestamp=None) is None:
                break
            sent += 1
        batch.close()
        delivered = await producer.send_batch(batch, topic, partition=partition)
        last = (await delivered).offset + sent - first - 1
    return last


@lru_cache(maxsize=65_536)
def partition_hash(key: bytes) -> int:
    """Kafka's own hash of a key, above 0: its remainder by the number of partitions is the key's partition, for every
    client that goes by Kafka's default."""
    return int(murmur2(key)) & 0x7FFF_FFFF
