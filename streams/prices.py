"""Keeps the worker's prices current: follows the price events of `governance`, and adopts the first price list.

Everything that stands on the topic is folded before the first call is priced. What comes later is known at once and
holds for calls when `streams.agents.pinned` says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ingest.clock import Clock
from ingest.codec import encode_event
from ingest.directory import entity_key
from ingest.errors import LogUnavailable
from ingest.events.prices import PriceListAdopted
from ingest.ids import derived_id
from ingest.log import EventPublisher, Outgoing, Record, TopicFollower
from ingest.prices import fold_price_event
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import FIRST_START, PriceLists, counting
from ingest.topics import TopicName

_LOG = logging.getLogger(__name__)

SOURCE = "spendstream/streams/prices"
_RETRY_S = 1.0


class PriceFollowing:
    """`history` as the newest event leaves it. `run` is a task of its own."""

    def __init__(self, lists: PriceLists, clock: Clock) -> None:
        self.history = PriceHistory(lists)
        self._lists = lists
        self._clock = clock
        self._is_current = asyncio.Event()
        self._has_list = asyncio.Event()

    async def run(self, make_follower: Callable[[], TopicFollower]) -> None:
        """Follow without an end; begins again when following cannot start."""
        while True:
            follower = make_follower()
            watch = asyncio.create_task(self._note_when_current(follower))
            try:
                async for record in follower.records():
                    self._take(record)
            except LogUnavailable as reason:
                _LOG.warning("%s; trying again", reason)
            finally:
                watch.cancel()
            await asyncio.sleep(_RETRY_S)

    async def ready(self, publisher: EventPublisher) -> None:
        """Returns once everything on the topic is folded, and a price list is adopted: on the first start the one that
        is installed. Where several workers begin at once, all go on with the one that came first on the log."""
        await self._is_current.wait()
        if not self._has_list.is_set():
            event = PriceListAdopted(
                version=self._lists.shipped.version,
                adopted_at=self._clock.now(),
                data=self._lists.shipped.data(),
                adopted_by=FIRST_START,
            )
            await publisher.publish([adoption_record(event, SOURCE)])
            await self._has_list.wait()
        self._tell_of_list()

    def _take(self, record: Record) -> None:
        if fold_price_event(record, self.history) and self.history.own.adopted:
            self._has_list.set()

    def _tell_of_list(self) -> None:
        adopted, shipped = counting(self.history.own.adopted)[-1], self._lists.shipped.version
        if adopted.version != shipped:
            _LOG.info(
                "price list %s holds; %s is installed and waits for review: spendstream prices review",
                adopted.version,
                shipped,
            )
        elif adopted.held:
            _LOG.info(
                "price list %s holds, but for %d models whose former prices hold on: spendstream prices review",
                adopted.version,
                len(adopted.held),
            )

    async def _note_when_current(self, follower: TopicFollower) -> None:
        await follower.caught_up()
        self._is_current.set()


def adoption_record(event: PriceListAdopted, source: str) -> Outgoing:
    """On `governance`. Sent twice, it is one event."""
    key = entity_key(event)
    value = encode_event(
        event, id=derived_id("price-list", key), source=source, time=event.adopted_at, subject=key
    )
    return Outgoing(TopicName.GOVERNANCE, key, value)
