"""Loads a topic into its table: exactly what the log holds, through any crash.

The order of steps is the whole idea. For every batch: (1) what cannot be read is published to the dead letters, (2) the
rows are inserted. From time to time: (3) what is derived from them is brought up to date, (4) the positions are recorded,
(5) the group's offsets are committed, as a hint. Each step may be repeated without harm: dead letters and rows have keys
by which repeats collapse, the rollup is recomputed and not added to, and positions only grow. So a crash between any two
steps costs a repetition from the positions of step 4, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ingest.clock import Clock
from ingest.errors import Halted, InvalidInput, Unavailable
from ingest.events.dead_letters import DeadLetter
from ingest.letters import dead_letter
from ingest.log import PartitionReader, Positions
from warehouse.destinations import Destination
from warehouse.errors import WarehouseRefused
from warehouse.gathering import Batch, Gathering, Limits, Mark
from warehouse.patience import Patience, persist
from warehouse.positions import StoredPositions
from warehouse.progress import ProgressReporter
from warehouse.rows import Row

_LOG = logging.getLogger(__name__)

DeadLetterSink = Callable[[Sequence[DeadLetter]], Awaitable[None]]
"""Returns once all letters are on the log; raises Unavailable. A letter may be sent again."""

_LONGEST_READ_S = 0.5
_ANSWER_S = 10.0
"""How long the broker may take to say where partitions end."""
_STANDSTILL_S = 20.0
"""How long a reader may give out nothing although there is something to read."""
_SETTLING_SHARE = 4
"""Settling may take one part in so many and one of the time: recomputing a busy hour every second would leave no room."""


class _Standstill(Unavailable):
    """The reader has lost its way; loading begins anew with another one."""


@dataclass(frozen=True)
class Pace:
    """How the loader divides its time: `settle_s` and `report_s` are the seconds between two of them."""

    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    settle_s: float = 1.0
    report_s: float = 2.0


class Loader:
    """Loads one topic. The `reader` must begin where `positions.start` says.

    It is the only writer of its partitions while it holds them, but nothing breaks when it is not: whatever two loaders
    both store is the same.
    """

    def __init__(
        self,
        reader: PartitionReader,
        positions: StoredPositions,
        destination: Destination,
        dead_letters: DeadLetterSink,
        progress: ProgressReporter,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self._reader = reader
        self._positions = positions
        self._destination = destination
        self._dead_letters = dead_letters
        self._progress = progress
        self._clock = clock
        self._pace = pace or Pace()
        self._gathering = Gathering(self._pace.limits)
        self._stored: dict[int, Mark] = {}
        self._recorded: dict[int, Mark] = {}
        self._settle_at = 0.0
        self._report_at = 0.0
        self._idle_since = clock.monotonic()

    async def run(self) -> None:
        """Load without an end, until cancelled.

        Raises Unavailable when something that is needed stayed away longer than patience lasts, and Halted when going on
        would break a promise. Either way, what was not recorded is loaded by the next run.
        """
        while True:
            await self.step()

    async def step(self) -> None:
        """Read once, and do whatever is due by then."""
        found = await self._reader.read(self._gathering.room, self._until_due())
        if found:
            self._idle_since = self._clock.monotonic()
        new, known = self._positions.verified(found)
        self._recorded.update(known)
        self._gathering.add(new, self._clock.monotonic())
        if self._gathering.due_in(self._clock.monotonic()) == 0:
            await self._store(self._gathering.close())
        if self._stored and self._clock.monotonic() >= self._settle_at:
            await self._settle()
        if self._clock.monotonic() >= self._report_at:
            await self._report()

    async def finish(self) -> None:
        """Store what was read so far and record its positions, without waiting for the usual time."""
        if self._gathering.due_in(self._clock.monotonic()) is not None:
            await self._store(self._gathering.close())
        if self._stored:
            await self._settle()

    @property
    def reached(self) -> Positions:
        """The offset after the last record that is stored, of each partition of which that is known."""
        known = {**self._positions.unverified, **self._recorded, **self._stored}
        return {partition: mark.position for partition, mark in known.items()}

    def _until_due(self) -> float:
        """Seconds until something is to be done although nothing arrives."""
        now = self._clock.monotonic()
        waits = [_LONGEST_READ_S, self._report_at - now]
        if self._stored:
            waits.append(self._settle_at - now)
        if (due := self._gathering.due_in(now)) is not None:
            waits.append(due)
        return max(0.0, min(waits))

    async def _store(self, batch: Batch) -> None:
        rows, letters = await asyncio.to_thread(self._rows, batch)
        if letters:
            _LOG.warning(
                "%d records of %s cannot be used and go to the dead letters; the first: %s",
                len(letters),
                self._destination.topic,
                letters[0].reason,
            )
            await self._persist("publishing dead letters", partial(self._dead_letters, letters))
        if rows:
            token = batch.token(self._positions.log)
            await self._in_thread(
                f"storing {len(rows)} {self._destination.things}", self._destination.insert, rows, token
            )
        self._stored.update(batch.marks())

    def _rows(self, batch: Batch) -> tuple[list[Row], list[DeadLetter]]:
        rows: list[Row] = []
        letters: list[DeadLetter] = []
        for record in batch.records:
            try:
                rows.append(self._destination.row(record))
            except InvalidInput as reason:
                letters.append(dead_letter(record, str(reason), self._clock.now()))
        return rows, letters

    async def _settle(self) -> None:
        began = self._clock.monotonic()
        marks = dict(self._stored)
        took = await self._sum_up()
        await self._in_thread("recording positions", self._positions.record, marks)
        self._recorded.update(marks)
        self._stored.clear()
        await self._reader.commit({partition: mark.position for partition, mark in marks.items()})
        # Only work counts: a wait for a warehouse or a broker that was away would keep sums old for four times as long.
        self._settle_at = max(began + self._pace.settle_s, self._clock.monotonic() + _SETTLING_SHARE * took)

    async def _sum_up(self) -> float:
        """Seconds that it took, without what was waited for."""
        took = 0.0

        def settle() -> None:
            nonlocal took
            began = self._clock.monotonic()
            self._destination.settle()
            took = self._clock.monotonic() - began

        await self._in_thread(f"summing up {self._destination.things}", settle)
        return took

    async def _report(self) -> None:
        """Progress is told, not kept: a report that fails is replaced by the next one."""
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(_ANSWER_S):
                ends = await self._reader.ends()
            known = {**self._positions.unverified, **self._recorded}
            self._positions.check_ends(ends, {partition: mark.position for partition, mark in known.items()})
            await asyncio.to_thread(self._progress.report, known, ends, asked_at)
            self._check_idleness({partition: mark.position for partition, mark in known.items()}, ends)
        except TimeoutError:
            _LOG.debug("the ends of %s were not told within %g seconds", self._destination.topic, _ANSWER_S)
        except _Standstill:
            raise
        except Unavailable as reason:
            _LOG.debug("progress of %s was not reported: %s", self._destination.topic, reason)
        self._report_at = self._clock.monotonic() + self._pace.report_s

    def _check_idleness(self, known: Positions, ends: Positions) -> None:
        """A reader that gives out nothing although something is there has lost its way: its successor has not."""
        behind = [partition for partition, end in ends.items() if end > known.get(partition, 0)]
        idle_s = self._clock.monotonic() - self._idle_since
        if not behind or self._stored or self._gathering.due_in(self._clock.monotonic()) is not None:
            self._idle_since = self._clock.monotonic()
        elif idle_s > _STANDSTILL_S:
            raise _Standstill(
                f"nothing of {self._destination.topic} was read for {idle_s:.0f} seconds although partition"
                f" {behind[0]} goes on to {ends[behind[0]]} and is stored up to {known.get(behind[0], 0)}"
            )

    async def _in_thread(self, what: str, work: Callable[..., None], *arguments: object) -> None:
        """Do blocking `work` with patience. Raises Halted when the warehouse refuses it."""
        try:
            await self._persist(what, lambda: asyncio.to_thread(work, *arguments))
        except WarehouseRefused as reason:
            raise Halted(f"{what} was refused, and going on would lose them: {reason}") from reason

    async def _persist(self, what: str, attempt: Callable[[], Awaitable[None]]) -> None:
        await persist(what, attempt, self._pace.patience, self._clock)
