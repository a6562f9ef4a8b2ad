"""The worker's prices: folded before it begins, the first list adopted once, a newer one told of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.clock import FixedClock
from ingest.codec import decode_event, encode_event
from ingest.directory import entity_key
from ingest.events.governance import TeamDefined
from ingest.events.prices import PriceEvent, PriceListAdopted, PriceOverridden, PriceScope
from ingest.log import Outgoing
from ingest.memory import MemoryFollower, MemoryLog
from ingest.prices import known_prices
from ingest.pricing.lists import FIRST_START, PriceLists, shipped_list
from ingest.pricing.price import Question
from ingest.topics import TopicName
from streams.prices import PriceFollowing, adoption_record

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHIPPED = shipped_list()
DEADLINE_S = 10.0


@asynccontextmanager
async def following(log: MemoryLog, seconds: float = 0.0) -> AsyncIterator[PriceFollowing]:
    clock = FixedClock(NOW)
    clock.advance(seconds)
    prices = PriceFollowing(PriceLists(SHIPPED), clock)
    task = asyncio.create_task(prices.run(lambda: MemoryFollower(log, TopicName.GOVERNANCE)))
    try:
        yield prices
    finally:
        task.cancel()
        await asyncio.wait([task])


def lists_on(log: MemoryLog) -> list[PriceListAdopted]:
    events = [decode_event(record.value).data for record in log.all_records(TopicName.GOVERNANCE)]
    return [event for event in events if isinstance(event, PriceListAdopted)]


def a_record(event: PriceEvent | TeamDefined) -> Outgoing:
    key = entity_key(event)
    return Outgoing(TopicName.GOVERNANCE, key, encode_event(event, id=key, source="test", time=NOW))


async def in_time(prices: PriceFollowing, log: MemoryLog) -> None:
    await asyncio.wait_for(prices.ready(log), DEADLINE_S)


@pytest.mark.anyio
async def test_on_the_first_start_the_installed_list_is_adopted() -> None:
    log = MemoryLog(partitions=1)
    async with following(log) as prices:
        await in_time(prices, log)
        (event,) = lists_on(log)
        assert (event.version, event.adopted_by, event.held) == (SHIPPED.version, FIRST_START, ())
        assert event.data == SHIPPED.data()
        price = prices.history.newest_book().price_at(Question("openai", "gpt-4o", NOW))
        assert price is not None
        assert price.version == SHIPPED.version
    async with following(log) as again:
        await in_time(again, log)
    assert len(lists_on(log)) == 1


@pytest.mark.anyio
async def test_two_workers_that_begin_at_once_agree() -> None:
    log = MemoryLog(partitions=1)
    async with following(log) as one, following(log, seconds=1.0) as other:
        await asyncio.gather(in_time(one, log), in_time(other, log))
        end = len(log.all_records(TopicName.GOVERNANCE)) - 1
        for offset in range(-1, end + 1):
            found = [prices.history.book(offset) for prices in (one, other)]
            versions = [
                p and p.version for p in (b.price_at(Question("openai", "gpt-4o", NOW)) for b in found)
            ]
            assert versions == [SHIPPED.version] * 2


@pytest.mark.anyio
async def test_everything_that_stands_on_the_topic_is_known_before_work_begins() -> None:
    log = MemoryLog(partitions=1)
    scope = PriceScope("openai", "gpt-4o")
    await log.publish(
        [
            a_record(TeamDefined("search", NOW)),
            Outgoing(TopicName.GOVERNANCE, "k", b"{"),
            a_record(PriceOverridden("p", scope, NOW, NOW, discount_percent=Decimal(10))),
        ]
    )
    async with following(log) as prices:
        await in_time(prices, log)
        price = prices.history.newest_book().price_at(Question("openai", "gpt-4o", NOW))
        assert price is not None
        assert price.version == f"{SHIPPED.version}+own/p"
        assert prices.history.offset == 3


@pytest.mark.anyio
async def test_a_newer_list_waits_for_review(caplog: pytest.LogCaptureFixture) -> None:
    log = MemoryLog(partitions=1)
    await log.publish([adoption_record(PriceListAdopted("list/0", NOW, data=SHIPPED.data()), "test")])
    with caplog.at_level(logging.INFO, "streams.prices"):
        async with following(log) as prices:
            await in_time(prices, log)
    assert len(lists_on(log)) == 1
    (line,) = [r.getMessage() for r in caplog.records if r.name == "streams.prices"]
    assert line.startswith(f"price list list/0 holds; {SHIPPED.version} is installed and waits for review")


@pytest.mark.anyio
async def test_models_whose_prices_are_held_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    log = MemoryLog(partitions=1)
    event = PriceListAdopted(SHIPPED.version, NOW, ("openai/gpt-4o",), SHIPPED.data())
    await log.publish([adoption_record(event, "test")])
    with caplog.at_level(logging.INFO, "streams.prices"):
        async with following(log) as prices:
            await in_time(prices, log)
    assert "but for 1 models whose former prices hold on" in caplog.text


@pytest.mark.anyio
async def test_a_command_reads_all_that_is_known() -> None:
    log = MemoryLog(partitions=1)
    price = PriceOverridden("p", PriceScope("openai", "gpt-4o"), NOW, NOW, discount_percent=Decimal(10))
    await log.publish([a_record(TeamDefined("search", NOW)), a_record(price)])
    follower = MemoryFollower(log, TopicName.GOVERNANCE)
    history = await asyncio.wait_for(known_prices(follower, PriceLists(SHIPPED)), DEADLINE_S)
    found = history.newest_book().price_at(Question("openai", "gpt-4o", NOW))
    assert found is not None
    assert found.version == f"{SHIPPED.version}+own/p"
