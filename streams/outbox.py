"""Makes the work of a step durable, and lets go of its records afterwards, strictly in order.

The order of events for each record: taken in by the step; its work published and its state stored; the position behind
it stored; acknowledged. A crash between any two of these leads to work that is done again, never to work that is lost.
Everything that has come in while one round of writing was under way is written in the next round, so that one record
alone waits for nobody and many records share a round trip.

Readers of `budget.charges` rely on the charges of a partition of `llm.calls` arriving in order *without holes*: a ledger
that has seen a later one takes an earlier one for a repeat. `EventPublisher` promises it, and rounds never overlap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ingest.clock import Clock
from ingest.errors import Halted
from ingest.log import EventPublisher
from streams.step import Step

LIMIT = 2000
"""Records taken in whose work is not yet being written; beyond, reading waits."""

Ends = Mapping[int, int]
"""Partition -> the offset behind the last of its records that are meant."""

Mark = Callable[[Ends], Awaitable[None]]
"""Stores the positions behind records whose work is durable."""
Acknowledge = Callable[[Ends], None]
"""Told once those positions are durable too."""


class Outbox:
    """One step's way out. `run` is a task of its own; an error in it is final. One task hands records over:
    it awaits `room`, and then lets the step accept records and calls `put` without awaiting anything in between."""

    def __init__(
        self,
        step: Step,
        publisher: EventPublisher,
        mark: Mark,
        acknowledge: Acknowledge,
        clock: Clock,
        limit: int = LIMIT,
    ) -> None:
        self._step = step
        self._publisher = publisher
        self._mark = mark
        self._acknowledge = acknowledge
        self._clock = clock
        self._limit = limit
        self._taken: dict[int, int] = {}
        self._count = 0
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._is_at_rest = asyncio.Event()

    async def room(self) -> None:
        """Returns when records may be handed over."""
        await self._has_room.wait()

    def put(self, partition: int, end: int, count: int = 1) -> None:
        """Hand over `count` records of `partition` that the step has just accepted; `end` is the offset behind them."""
        self._taken[partition] = max(end, self._taken.get(partition, 0))
        self._count += count
        self._arrived.set()
        if self._count >= self._limit:
            self._has_room.clear()

    async def rest(self, timeout_s: float) -> None:
        """Returns once everything handed over is durable and acknowledged; raises Halted after `timeout_s` seconds. From then
        until `wake` nothing is written, not even what is due without a record: it may be somebody else's by now."""
        self._may_write.clear()
        self._arrived.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_at_rest.wait()
        except TimeoutError:
            raise Halted(f"records taken in were not written within {timeout_s:g} seconds") from None

    def wake(self) -> None:
        """Go on. The step has been restored."""
        self._is_at_rest.clear()
        self._may_write.set()

    async def run(self) -> None:
        """Write rounds until cancelled."""
        durable: Ends = {}
        while True:
            if not durable:
                if self._may_write.is_set():
                    await self._arrival()
                if not self._may_write.is_set() and not self._taken:
                    self._is_at_rest.set()
                    await self._may_write.wait()
                    continue
            taken = self._take()
            work = self._step.take()
            if work.first:
                await asyncio.gather(*work.first)
            await asyncio.gather(
                self._publisher.publish(work.records),
                *work.stored,
                *([self._mark(durable)] if durable else ()),
            )
            if durable:
                self._acknowledge(durable)
            durable = taken

    def _take(self) -> Ends:
        taken, self._taken, self._count = self._taken, {}, 0
        self._arrived.clear()
        self._has_room.set()
        return taken

    async def _arrival(self) -> None:
        """Returns when a record was handed over, or when the step has work that is due without one."""
        due = self._step.next_due()
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._clock.monotonic())):
                await self._arrived.wait()
        except TimeoutError:
            return
