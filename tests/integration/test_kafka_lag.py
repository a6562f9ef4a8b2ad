"""The lag of a group by the broker's own word, also after the broker was away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.broker.launcher import EmbeddedBroker
from ingest.errors import LogUnavailable
from ingest.kafka.admin import create_topics
from ingest.kafka.lag import GroupLag, Lag
from ingest.kafka.publisher import KafkaPublisher
from ingest.log import Outgoing
from ingest.topics import TOPICS

pytestmark = pytest.mark.integration

ONLY = TopicPartition("governance", 0)


async def consume_two(bootstrap: str) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id="g", auto_offset_reset="earliest", enable_auto_commit=False
    )
    consumer.subscribe(["governance"])
    await consumer.start()
    try:
        await consumer.getone()
        await consumer.commit({ONLY: 2})
    finally:
        await consumer.stop()


async def eventually_known(lag: GroupLag) -> dict[TopicPartition, Lag]:
    deadline = time.monotonic() + 30
    while True:
        try:
            return await lag.ask()
        except LogUnavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


def test_a_groups_lag_is_known_before_and_after_the_broker_was_away(
    tmp_path: Path, kafka_cache: Path
) -> None:
    async def scenario(broker: EmbeddedBroker) -> None:
        await create_topics(broker.bootstrap, TOPICS)
        async with KafkaPublisher(broker.bootstrap, "test") as publisher:
            await publisher.publish([Outgoing("governance", "k", b"v")] * 3)
        async with GroupLag(broker.bootstrap, "g", ["governance", "llm.calls"], timeout_s=2.0) as lag:
            await consume_two(broker.bootstrap)
            found = await eventually_known(lag)
            assert found[ONLY] == Lag(committed=2, end=3)
            assert {f.end for p, f in found.items() if p.topic == "llm.calls"} == {0}
            await asyncio.to_thread(broker.kill9)
            with pytest.raises(LogUnavailable):
                await lag.ask()
            await asyncio.to_thread(broker.start)
            assert (await eventually_known(lag))[ONLY] == Lag(committed=2, end=3)

    with EmbeddedBroker(tmp_path / "kafka", 0, cache=kafka_cache) as broker:
        asyncio.run(scenario(broker))
