"""What `ingest.log` promises, on the log in memory and on Kafka: one suite for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from ingest.broker.launcher import EmbeddedBroker
from ingest.errors import LogUnavailable
from ingest.log import Outgoing, PartitionReader, Positions, Record, TopicFollower
from tests.fixtures.logs import Backend, InMemory, OnKafka

PATIENCE_S = 30.0
SOON_S = 0.05


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "memory":
        yield InMemory()
    else:
        broker: EmbeddedBroker = request.getfixturevalue("broker")
        yield OnKafka(broker.bootstrap)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), PATIENCE_S))


def outgoing(topic: str, *values: str, key: str = "k") -> list[Outgoing]:
    return [Outgoing(topic, key, value.encode()) for value in values]


def from_the_beginning(_partitions: Sequence[int]) -> Positions:
    return {}


async def publish(backend: Backend, records: Sequence[Outgoing]) -> None:
    async with backend.publisher() as publisher:
        await publisher.publish(records)


async def read(reader: PartitionReader, count: int) -> dict[int, list[Record]]:
    """`count` records, by partition."""
    found: dict[int, list[Record]] = {}
    while sum(map(len, found.values())) < count:
        for number, records in (await reader.read(1000, 1.0)).items():
            found.setdefault(number, []).extend(records)
    return found


def values(records: dict[int, list[Record]]) -> list[str]:
    return sorted((r.value or b"").decode() for part in records.values() for r in part)


def test_what_was_published_can_be_read(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, [*outgoing(topic, "a", "b"), Outgoing(topic, "gone", None)])
        async with backend.reader(topic, from_the_beginning) as reader:
            found = [r for part in (await read(reader, 3)).values() for r in part]
        assert {(r.topic, r.key, r.value) for r in found} == {
            (topic, b"k", b"a"),
            (topic, b"k", b"b"),
            (topic, b"gone", None),
        }

    run(scenario)


def test_records_of_one_key_keep_their_order(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        sent = [Outgoing(topic, f"key-{n % 7}", str(n).encode()) for n in range(700)]
        async with backend.publisher() as publisher:
            for start in range(0, 700, 100):
                await publisher.publish(sent[start : start + 100])
        async with backend.reader(topic, from_the_beginning) as reader:
            found = await read(reader, 700)
        places: dict[bytes | None, set[int]] = {}
        for number, records in found.items():
            assert [r.offset for r in records] == list(range(len(records)))
            assert {r.partition for r in records} == {number}
            for r in records:
                places.setdefault(r.key, set()).add(number)
        assert all(len(numbers) == 1 for numbers in places.values())
        for key in range(7):
            mine = [r.value for part in found.values() for r in part if r.key == f"key-{key}".encode()]
            assert mine == [str(n).encode() for n in range(key, 700, 7)]

    run(scenario)


def test_a_record_for_a_partition_stands_there_and_in_order_with_the_others(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        async with backend.publisher() as publisher:
            numbers = await publisher.partitions_of(topic)
            assert list(numbers) == list(range(backend.partitions))
            await publisher.publish(outgoing(topic, *map(str, range(20)), key="k"))
            await publisher.publish([Outgoing(topic, "k", b"last", number) for number in numbers])
        async with backend.reader(topic, from_the_beginning) as reader:
            found = await read(reader, 20 + backend.partitions)
        assert [records[-1].value for _, records in sorted(found.items())] == [b"last"] * backend.partitions
        assert sorted(map(len, found.values())) == [1] * (backend.partitions - 1) + [21]

    run(scenario)


def test_publishing_nothing_is_done_at_once(backend: Backend) -> None:
    run(lambda: publish(backend, []))


def test_a_log_that_does_not_answer_is_unavailable(backend: Backend) -> None:
    async def scenario() -> None:
        async with backend.out_of_reach() as (publisher, topic):
            with pytest.raises(LogUnavailable):
                await publisher.publish(outgoing(topic, "lost"))

    run(scenario)


def test_a_follower_reads_from_the_beginning_and_then_what_is_added(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, outgoing(topic, "1", "2"))
        records = backend.follower(topic).records()
        first = [(await anext(records)).value for _ in range(2)]
        await publish(backend, outgoing(topic, "3"))
        third = (await anext(records)).value
        await aclose(records)
        assert [*first, third] == [b"1", b"2", b"3"]

    run(scenario)


def test_a_follower_has_caught_up_when_it_has_asked_past_the_end(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, [r for n in range(40) for r in outgoing(topic, str(n), key=str(n))])
        follower = backend.follower(topic)
        seen: list[Record] = []

        async def follow() -> None:
            async for one in follower.records():
                assert not caught_up.done()
                seen.append(one)

        caught_up = asyncio.create_task(follower.caught_up())
        following = asyncio.create_task(follow())
        await caught_up
        assert len(seen) == 40
        following.cancel()
        await asyncio.wait([following])

    run(scenario)


def test_a_follower_of_an_empty_topic_has_caught_up(backend: Backend) -> None:
    async def scenario() -> None:
        follower = backend.follower(await backend.topic())
        following = asyncio.create_task(first(follower))
        await follower.caught_up()
        following.cancel()
        await asyncio.wait([following])

    run(scenario)


def test_followers_do_not_share(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, outgoing(topic, "1"))
        for _ in range(2):
            records = backend.follower(topic).records()
            assert (await anext(records)).value == b"1"
            await aclose(records)

    run(scenario)


def test_a_reader_begins_where_the_positions_say(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, [r for n in range(100) for r in outgoing(topic, str(n), key=str(n))])
        async with backend.reader(topic, from_the_beginning) as reader:
            everything = await read(reader, 100)
        asked: list[int] = []

        def positions(partitions: Sequence[int]) -> Positions:
            asked.extend(partitions)
            return {0: 5, 1: len(everything[1])}

        async with backend.reader(topic, positions, "another") as reader:
            rest = 100 - 5 - len(everything[1])
            found = await read(reader, rest)
            assert not await reader.read(10, SOON_S)
        assert sorted(asked) == list(range(backend.partitions))
        assert found[0] == everything[0][5:]
        assert 1 not in found
        assert found[2] == everything[2]

    run(scenario)


def test_positions_go_before_what_the_group_has_committed(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, outgoing(topic, *map(str, range(10))))
        async with backend.reader(topic, from_the_beginning, f"g-{topic}") as reader:
            ((number, records),) = (await read(reader, 10)).items()
            await reader.commit({number: records[-1].offset + 1})
        async with backend.reader(topic, lambda _: {number: 3}, f"g-{topic}") as reader:
            assert values(await read(reader, 7)) == list(map(str, range(3, 10)))

    run(scenario)


def test_a_reader_gives_out_no_more_than_was_asked_for_and_nothing_twice(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, [r for n in range(50) for r in outgoing(topic, str(n), key=str(n))])
        found: dict[int, list[Record]] = {}
        async with backend.reader(topic, from_the_beginning) as reader:
            while sum(map(len, found.values())) < 50:
                batch = await reader.read(7, 1.0)
                assert sum(map(len, batch.values())) <= 7
                for number, records in batch.items():
                    found.setdefault(number, []).extend(records)
        for records in found.values():
            assert [r.offset for r in records] == list(range(len(records)))

    run(scenario)


def test_a_reader_waits_for_what_comes(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        async with backend.reader(topic, from_the_beginning) as reader:
            assert not await reader.read(10, SOON_S)
            reading = asyncio.create_task(read(reader, 1))
            await publish(backend, outgoing(topic, "late"))
            assert values(await reading) == ["late"]

    run(scenario)


def test_the_end_is_the_offset_of_the_next_record(backend: Backend) -> None:
    async def scenario() -> None:
        topic = await backend.topic()
        await publish(backend, outgoing(topic, "a", "b", "c"))
        async with backend.reader(topic, from_the_beginning) as reader:
            ((number, records),) = (await read(reader, 3)).items()
            ends = await reader.ends()
        assert ends[number] == records[-1].offset + 1 == 3
        assert sorted(ends) == list(range(backend.partitions))
        assert sum(ends.values()) == 3

    run(scenario)


async def first(follower: TopicFollower) -> Record:
    return await anext(follower.records())


async def aclose(records: AsyncIterator[Record]) -> None:
    await records.aclose()  # type: ignore[attr-defined]
