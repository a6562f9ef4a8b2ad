"""The reader on a real broker: where it begins, gaps of the log's own, and a place of positions that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from ingest.broker.launcher import EmbeddedBroker
from ingest.errors import LogUnavailable, Unavailable
from ingest.ids import new_id
from ingest.kafka.reader import KafkaReader
from ingest.log import Positions, Record

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

DEADLINE_S = 30.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def topic(broker: EmbeddedBroker) -> str:
    name = f"reader-{new_id()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    await admin.close()
    return name


@asynccontextmanager
async def producing(
    broker: EmbeddedBroker, transactional_id: str | None = None
) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=transactional_id)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(broker: EmbeddedBroker, topic: str, *values: bytes) -> None:
    async with producing(broker) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


def reader_of(
    broker: EmbeddedBroker,
    topic: str,
    positions: Callable[[Sequence[int]], Positions],
    is_compacted: bool = False,
) -> KafkaReader:
    return KafkaReader(broker.bootstrap, topic, f"group-{topic}", None, positions, is_compacted=is_compacted)


async def read(reader: KafkaReader, count: int) -> list[Record]:
    """The first `count` records."""
    found: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < count:
            for records in (await reader.read(100, 0.2)).values():
                found.extend(records)
    return found


async def test_it_begins_where_results_are_stored_whatever_the_group_says(
    broker: EmbeddedBroker, topic: str
) -> None:
    await publish(broker, topic, b"0", b"1", b"2", b"3")
    async with reader_of(broker, topic, lambda _: {}) as reader:
        assert [r.offset for r in await read(reader, 4)] == [0, 1, 2, 3]
        await reader.commit({0: 4})
        assert await reader.ends() == {0: 4}
    async with reader_of(broker, topic, lambda partitions: dict.fromkeys(partitions, 2)) as reader:
        assert [(r.offset, r.value) for r in await read(reader, 2)] == [(2, b"2"), (3, b"3")]


@pytest.mark.parametrize("is_compacted", [False, True])
async def test_gaps_of_the_logs_own_are_read_over(
    broker: EmbeddedBroker, topic: str, is_compacted: bool
) -> None:
    """Each transaction ends with a marker, which has an offset and is no record."""
    async with producing(broker, f"tx-{topic}") as producer:
        for n in range(3):
            async with producer.transaction():
                await producer.send(topic, b"%d" % n)
    async with reader_of(broker, topic, lambda _: {}, is_compacted) as reader:
        assert [(r.offset, r.value) for r in await read(reader, 3)] == [(0, b"0"), (2, b"1"), (4, b"2")]


async def test_records_that_left_the_log_are_read_over(broker: EmbeddedBroker, topic: str) -> None:
    await publish(broker, topic, b"0", b"1", b"2", b"3")
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
    await admin.close()
    async with reader_of(broker, topic, lambda _: {0: 1}) as reader:
        assert [r.offset for r in await read(reader, 1)] == [3]


async def test_when_the_positions_are_away_it_gives_out_nothing_and_says_so(
    broker: EmbeddedBroker, topic: str
) -> None:
    await publish(broker, topic, b"0", b"1")

    def away(_: Sequence[int]) -> Positions:
        raise Unavailable("the warehouse is away")

    async with reader_of(broker, topic, away) as reader:
        with pytest.raises(Unavailable, match="the warehouse is away"):
            await read(reader, 1)
        with pytest.raises(Unavailable, match="the warehouse is away"):
            await reader.read(1, 0.0)
    async with reader_of(broker, topic, lambda _: {}) as reader:
        assert [r.offset for r in await read(reader, 2)] == [0, 1]


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    reader = KafkaReader("127.0.0.1:1", "x", "g", None, lambda _: {})
    with pytest.raises(LogUnavailable, match=r"x cannot be read at 127\.0\.0\.1:1"):
        async with reader:
            pass
