"""Costing chosen calls again: once to see what would change, and once to publish the corrections.

Nothing is kept between the two, so that any number of calls takes little memory. Each correction names the version that it
corrects; who interrupts and begins again, or runs two at once, corrects nothing twice (`streams.correcting`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.log import EventPublisher
from ingest.pricing.price import PriceBook
from streams.outgoing import REPRICE, correction_record
from streams.reprice.differences import Repriced, Tally, reprice
from streams.reprice.selection import Portion, Selection, hours_sql, portion_sql, portions
from warehouse.client import Client
from warehouse.restoring import COLUMNS
from warehouse.rows import micros

SLICE = 500
"""Corrections that are published at a time."""

Progress = Callable[[int], None]
"""Told how many more calls have been looked at."""


@dataclass(frozen=True)
class Applied:
    """What was published. `overtaken` are calls that somebody has corrected since the run began: they were left alone."""

    tally: Tally
    corrected: int
    overtaken: int
    version: int


class Repricing:
    """One run over the calls of `chosen`, by the prices in `book`, at one moment: `now` gives all its corrections their
    version. The methods raise WarehouseUnavailable and LogUnavailable; beginning again is harmless."""

    def __init__(self, client: Client, chosen: Selection, book: PriceBook, now: datetime) -> None:
        self._client = client
        self._chosen = chosen
        self._book = book
        self._now = now
        self.version = micros("now", now)

    async def plan(self) -> list[Portion]:
        """How the calls will be read; empty when there are none."""
        hours = await asyncio.to_thread(self._client.rows, *hours_sql(self._chosen))
        return list(portions([(hour, calls) for hour, calls in hours]))

    async def look(self, plan: Sequence[Portion], progress: Progress) -> Tally:
        """What would change."""
        tally = Tally(self._now)
        async for those in self._repriced(plan, progress):
            for one in those:
                tally.add(one)
        return tally

    async def apply(
        self, plan: Sequence[Portion], publisher: EventPublisher, reason: str, progress: Progress
    ) -> Applied:
        """Publish a correction of every call whose cost has changed."""
        tally, corrected, overtaken = Tally(self._now), 0, 0
        async for those in self._repriced(plan, progress):
            changed = []
            for one in those:
                if one.is_changed and one.version >= self.version:
                    overtaken += 1
                    continue
                tally.add(one)
                if one.is_changed:
                    event = one.correction(self.version, reason, self._now)
                    changed.append(correction_record(event, REPRICE))
            for start in range(0, len(changed), SLICE):
                await publisher.publish(changed[start : start + SLICE])
            corrected += len(changed)
        return Applied(tally, corrected, overtaken, self.version)

    async def _repriced(
        self, plan: Sequence[Portion], progress: Progress
    ) -> AsyncIterator[Sequence[Repriced]]:
        for portion in plan:
            those = await asyncio.to_thread(self._portion, portion)
            yield those
            progress(len(those))

    def _portion(self, portion: Portion) -> Sequence[Repriced]:
        rows = self._client.rows(*portion_sql(self._chosen, portion))
        return [reprice(dict(zip(COLUMNS, row, strict=True)), self._book) for row in rows]
