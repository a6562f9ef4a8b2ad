"""Spans and single places of a real Kafka: read to an end that was fixed, one record at its place, one put onto a partition."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from ingest.broker.launcher import EmbeddedBroker
from ingest.errors import LogUnavailable
from ingest.kafka.places import KafkaPlaces
from ingest.kafka.spans import KafkaSpanReader, Span, everything, spans
from ingest.log import Record

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def a_topic(bootstrap: str, partitions: int = 2) -> str:
    topic = f"topic-{uuid.uuid4()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()
    return topic


async def cut(bootstrap: str, topic: str, partition: int, before: int) -> None:
    """Let the log forget the records before an offset, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def filled(places: KafkaPlaces, topic: str, count: int = 5) -> None:
    for number in range(count):
        assert await places.put(topic, 1, b"k", f"{number}".encode()) == number


async def test_a_record_is_put_onto_its_partition_and_found_at_its_place(broker: EmbeddedBroker) -> None:
    topic = await a_topic(broker.bootstrap)
    async with KafkaPlaces(broker.bootstrap, "test") as places:
        await filled(places, topic)
        assert await places.put(topic, 0, None, b"\xff") == 0
        found = await places.record_at(topic, 1, 3)
        assert found is not None
        assert (found.key, found.value, found.offset) == (b"k", b"3", 3)
        keyless = await places.record_at(topic, 0, 0)
        assert keyless is not None
        assert (keyless.key, keyless.value) == (None, b"\xff")
        assert await places.record_at(topic, 1, 5) is None
        assert await places.record_at(topic, 7, 0) is None
        await cut(broker.bootstrap, topic, 1, 4)
        assert await places.record_at(topic, 1, 3) is None
        assert [record.offset async for record in places.everything(topic) if record.partition] == [4]
    assert await spans(broker.bootstrap, topic) == {0: Span(0, 1), 1: Span(4, 5)}


async def test_a_span_ends_where_it_was_to_end_although_the_log_goes_on(broker: EmbeddedBroker) -> None:
    topic = await a_topic(broker.bootstrap)
    async with KafkaPlaces(broker.bootstrap, "test") as places:
        await filled(places, topic)
        reading = KafkaSpanReader(broker.bootstrap, topic, {0: 0, 1: 3}, lambda _: {1: 1}, "test")
        async with reading as reader:
            found: list[Record] = []
            while not await reader.is_done():
                for records in (await reader.read(1, 0.5)).values():
                    found += records
            assert [record.value for record in found] == [b"1", b"2"]
            assert await reader.read(10, 0.1) == {}
            assert await reader.ends() == {0: 0, 1: 3}
    assert [r.value async for r in everything(broker.bootstrap, topic, "test")] == [
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
    ]


async def test_a_topic_that_is_not_there_holds_nothing(broker: EmbeddedBroker) -> None:
    assert await spans(broker.bootstrap, f"topic-{uuid.uuid4()}") == {}


async def test_a_broker_that_is_not_there_is_said(broker: EmbeddedBroker) -> None:
    with pytest.raises(LogUnavailable, match="is not known at"):
        await spans("127.0.0.1:1", "x")
    with pytest.raises(LogUnavailable, match="no Kafka broker answered"):
        async with KafkaPlaces("127.0.0.1:1", "test"):
            pass


async def test_a_partition_that_is_not_there_takes_nothing(broker: EmbeddedBroker) -> None:
    topic = await a_topic(broker.bootstrap)
    async with KafkaPlaces(broker.bootstrap, "test") as places:
        with pytest.raises(LogUnavailable, match="did not take the record"):
            await places.put(topic, 9, b"k", b"v")


def test_the_positions_are_asked_for_in_a_thread(broker: EmbeddedBroker) -> None:
    """They come from the warehouse, which blocks."""

    async def scenario() -> list[bytes | None]:
        topic = await a_topic(broker.bootstrap)

        def positions(_: object) -> dict[int, int]:
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            return {1: 4}

        async with KafkaPlaces(broker.bootstrap, "test") as places:
            await filled(places, topic)
        async with KafkaSpanReader(broker.bootstrap, topic, {1: 5}, positions, "test") as reader:
            return [r.value for records in (await reader.read(10, 5)).values() for r in records]

    assert asyncio.run(scenario()) == [b"4"]
