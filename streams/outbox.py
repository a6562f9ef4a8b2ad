"""Makes the work of a step durable, and lets go of its records afterwards, strictly in order.

The order of events for each record: taken in by the step; its work published and its state stored; the position behind
it stored; acknowledged. A crash between any two of these leads to work that is done again, never to work that is lost.
Everything that has come in while one round of writing was under way is written in the next round, so that one record
alone waits for nobody and many records share a round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ingest.clock import Clock
from ingest.errors import Halted
from ingest.log import EventPublisher
from streams.publishing import publish_in_order
from streams.step import Step

LIMIT = 1000
"""Records taken in whose work is not yet being written; beyond, reading waits."""


class Taken(NamedTuple):
    """A record that the step has taken in."""

    partition: int
    offset: int
    ack: Callable[[], object]


Mark = Callable[[Sequence[Taken]], Awaitable[None]]
"""Stores the positions behind records whose work is durable."""


class Outbox:
    """One step's way out. `run` is a task of its own; an error in it is final. One task hands records over:
    it awaits `room`, and then lets the step accept the record and calls `put` without awaiting anything in between."""

    def __init__(
        self, step: Step, publisher: EventPublisher, mark: Mark, clock: Clock, limit: int = LIMIT
    ) -> None:
        self._step = step
        self._publisher = publisher
        self._mark = mark
        self._clock = clock
        self._limit = limit
        self._taken: list[Taken] = []
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    async def room(self) -> None:
        """Returns when a record may be handed over."""
        await self._has_room.wait()

    def put(self, taken: Taken) -> None:
        """Hand over a record that the step has just accepted."""
        self._taken.append(taken)
        self._arrived.set()
        self._is_empty.clear()
        if len(self._taken) >= self._limit:
            self._has_room.clear()

    async def drain(self, timeout_s: float) -> None:
        """Returns once everything handed over is durable and acknowledged; raises Halted after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_empty.wait()
        except TimeoutError:
            raise Halted(f"records taken in were not written within {timeout_s:g} seconds") from None

    async def run(self) -> None:
        """Write rounds until cancelled."""
        durable: list[Taken] = []
        while True:
            if not durable:
                await self._arrival()
            taken = self._take()
            work = self._step.take()
            if work.first:
                await asyncio.gather(*work.first)
            await asyncio.gather(
                publish_in_order(self._publisher, work.records), *work.stored, self._mark(durable)
            )
            for record in durable:
                record.ack()
            durable = taken
            if not durable and not self._taken:
                self._is_empty.set()

    def _take(self) -> list[Taken]:
        taken, self._taken = self._taken, []
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
