"""Prices from the records of `governance`: one by one, or all that is known now, for commands that price calls again."""

from __future__ import annotations

import asyncio

from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceListAdopted, PriceOverridden
from ingest.log import Record, TopicFollower
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import PriceLists


async def known_prices(follower: TopicFollower, lists: PriceLists) -> PriceHistory:
    """Everything about prices that stands on the topic of `follower`, which is `governance`; its `newest_book` has all
    of it. Raises LogUnavailable where the topic cannot be read."""
    history = PriceHistory(lists)
    reading = asyncio.create_task(_read(follower, history))
    caught_up = asyncio.create_task(follower.caught_up())
    try:
        await asyncio.wait({reading, caught_up}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        for task in (reading, caught_up):
            task.cancel()
        await asyncio.wait({reading, caught_up})
    return history


async def _read(follower: TopicFollower, history: PriceHistory) -> None:
    async for record in follower.records():
        fold_price_event(record, history)


def fold_price_event(record: Record, history: PriceHistory) -> bool:
    """Whether `record` of `governance` said something new about prices. What cannot be read says nothing: who reads the
    topic for its own sake buries it."""
    try:
        event = decode_event(record.value).data
    except DecodeError:
        return False
    if isinstance(event, PriceOverridden | PriceEnded | ExchangeRateSet | PriceListAdopted):
        return history.apply(event, record.offset)
    return False
