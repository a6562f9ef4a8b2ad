"""What only Kafka does: it may be away, it forgets old records, it hands partitions on."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import ProducerClosed

from ingest.broker.launcher import EmbeddedBroker
from ingest.errors import LogUnavailable
from ingest.kafka.admin import cluster_id, create_topics, wait_for_broker
from ingest.kafka.follower import KafkaFollower
from ingest.kafka.publisher import KafkaPublisher
from ingest.kafka.reader import KafkaReader
from ingest.log import Outgoing, Positions
from ingest.topics import Topic
from tests.fixtures.processes import free_ports

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), PATIENCE_S))


def nobody() -> str:
    """An address at which nothing listens."""
    return f"127.0.0.1:{free_ports(1)[0]}"


async def a_topic(broker: EmbeddedBroker, partitions: int = 1) -> str:
    name = uuid.uuid4().hex
    assert await create_topics(broker.bootstrap, [a_topic_named(name, partitions)]) == [name]
    return name


def a_topic_named(name: str, partitions: int = 1) -> Topic:
    return Topic(name, "any", partitions)  # type: ignore[arg-type]


async def publish(broker: EmbeddedBroker, topic: str, *values: str) -> None:
    async with KafkaPublisher(broker.bootstrap, "test") as publisher:
        await publisher.publish([Outgoing(topic, value, value.encode()) for value in values])


def from_the_beginning(_partitions: Sequence[int]) -> Positions:
    return {}


def test_waiting_says_so_once_and_ends_in_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []

    async def scenario() -> None:
        with pytest.raises(
            LogUnavailable, match=r"^no Kafka broker answered at 127.0.0.1:\d+ within 0.3 seconds$"
        ):
            await wait_for_broker(nobody(), 0.3, on_wait=lambda: said.append("waiting"))

    with caplog.at_level(logging.WARNING):
        run(scenario)
    assert said == ["waiting"]
    assert caplog.records == []


def test_a_broker_that_answers_is_not_waited_for(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        await wait_for_broker(broker.bootstrap, 30, on_wait=lambda: pytest.fail("waited"))

    run(scenario)


def test_creating_topics_again_changes_nothing(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        name = await a_topic(broker)
        again = [a_topic_named(name, 5), a_topic_named(f"{name}-b")]
        assert await create_topics(broker.bootstrap, again) == [f"{name}-b"]
        assert await create_topics(broker.bootstrap, again) == []

    run(scenario)


def test_a_cluster_has_one_id(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        first = await cluster_id(broker.bootstrap)
        assert first
        assert await cluster_id(broker.bootstrap) == first

    run(scenario)


def test_nothing_begins_without_a_broker() -> None:
    async def scenario() -> None:
        with pytest.raises(LogUnavailable):
            async with KafkaPublisher(nobody(), "test"):
                pass
        with pytest.raises(LogUnavailable):
            async with KafkaReader(nobody(), "t", "g", None, from_the_beginning):
                pass
        with pytest.raises(LogUnavailable):
            await anext(KafkaFollower(nobody(), "t", "test").records())

    run(scenario)


def test_a_reader_passes_what_the_log_no_longer_has(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        topic = await a_topic(broker)
        await publish(broker, topic, *map(str, range(10)))
        await delete_before(broker, topic, 4)
        async with KafkaReader(broker.bootstrap, topic, f"g-{topic}", None, lambda _: {0: 2}) as reader:
            assert await offsets(reader, 6) == [4, 5, 6, 7, 8, 9]
            await publish(broker, topic, *map(str, range(10, 20)))
            await delete_before(broker, topic, 15)
            await publish(broker, topic, "20")
            found = await offsets(reader, 6)
            # What it had fetched before it was deleted may still come; what is kept comes in any case.
            assert found[-6:] == [15, 16, 17, 18, 19, 20]
            assert found == sorted(set(found))

    run(scenario)


def test_two_readers_of_a_group_share_the_partitions(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        topic = await a_topic(broker, partitions=4)
        group = f"g-{topic}"
        asked: dict[str, list[int]] = {"a": [], "b": []}

        def positions(name: str) -> Callable[[Sequence[int]], Positions]:
            def ask(partitions: Sequence[int]) -> Positions:
                asked[name] = list(partitions)
                return {}

            return ask

        first = KafkaReader(broker.bootstrap, topic, group, "a", positions("a"))
        second = KafkaReader(broker.bootstrap, topic, group, "b", positions("b"))
        async with first, second:
            while sorted(asked["a"] + asked["b"]) != [0, 1, 2, 3] or not asked["b"]:
                await first.read(1, 0.1)
                await second.read(1, 0.1)
            await publish(broker, topic, *map(str, range(40)))
            found: list[tuple[int, int]] = []
            while len(found) < 40:
                for reader in (first, second):
                    batch = await reader.read(100, 0.1)
                    found += [(r.partition, r.offset) for part in batch.values() for r in part]
        assert len(found) == len(set(found)) == 40

    run(scenario)


def test_a_producer_that_the_broker_no_longer_hears_is_replaced(broker: EmbeddedBroker) -> None:
    """What aiokafka does to itself when it gives a batch up: its sequence numbers have a gap from then on."""

    async def scenario() -> None:
        topic = await a_topic(broker)
        async with KafkaPublisher(broker.bootstrap, "test") as publisher:
            await publisher.publish([Outgoing(topic, "k", b"1")])
            publisher._producer._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 1)
            with pytest.raises(LogUnavailable, match="OutOfOrderSequenceNumber"):
                await publisher.publish([Outgoing(topic, "k", b"2")])
            await publisher.publish([Outgoing(topic, "k", b"2")])
            await publisher.publish([Outgoing(topic, "k", b"3")])
        assert await read_all(broker, topic) == [b"1", b"2", b"3"]

    run(scenario)


def test_what_a_replaced_producer_still_holds_is_not_sent(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        topic = await a_topic(broker)
        async with KafkaPublisher(broker.bootstrap, "test") as publisher:
            await publisher.publish([Outgoing(topic, "k", b"1")])
            old = publisher._producer
            old._sender._muted_partitions.add(TopicPartition(topic, 0))  # it cannot send
            held = await old.send(topic, b"never", partition=0)
            publisher._is_spoiled = True
            await publisher.publish([Outgoing(topic, "k", b"2")])
            with pytest.raises(ProducerClosed):
                await held
        assert await read_all(broker, topic) == [b"1", b"2"]

    run(scenario)


def test_a_publisher_outlives_its_broker(kafka_cache: Path, tmp_path: Path) -> None:
    (port,) = free_ports(1)

    def start() -> EmbeddedBroker:
        return EmbeddedBroker(tmp_path, port, cache=kafka_cache).__enter__()

    async def scenario() -> None:
        broker = await asyncio.to_thread(start)
        topic = await a_topic(broker)
        async with KafkaPublisher(broker.bootstrap, "test", timeout_s=1.0) as publisher:
            await publisher.publish([Outgoing(topic, "k", b"1")])
            await asyncio.to_thread(broker.stop)
            for _ in range(3):
                with pytest.raises(LogUnavailable):
                    await publisher.publish([Outgoing(topic, "k", b"2")])
            broker = await asyncio.to_thread(start)
            try:
                while True:
                    try:
                        await publisher.publish([Outgoing(topic, "k", b"2")])
                        break
                    except LogUnavailable:
                        await asyncio.sleep(0.1)
                assert set(await read_all(broker, topic)) == {b"1", b"2"}
            finally:
                await asyncio.to_thread(broker.stop)

    run(scenario)


async def read_all(broker: EmbeddedBroker, topic: str) -> list[bytes]:
    """Every value of partition 0."""
    place = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end, found = (await consumer.end_offsets([place]))[place], list[bytes]()
        while await consumer.position(place) < end:
            found += [record.value for record in (await consumer.getmany(timeout_ms=500)).get(place, [])]
        return found
    finally:
        await consumer.stop()


async def offsets(reader: KafkaReader, count: int) -> list[int]:
    """The offsets of partition 0: at least `count` of them, until nothing more comes."""
    found: list[int] = []
    while True:
        batch = await reader.read(100, 1.0)
        if not batch and len(found) >= count:
            return found
        found += [record.offset for record in batch.get(0, [])]


async def delete_before(broker: EmbeddedBroker, topic: str, offset: int) -> None:
    """As retention does: the log of partition 0 begins at `offset`."""
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
    finally:
        await client.close()
