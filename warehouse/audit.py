"""The calls against the log itself: reads `llm.costs` again from its beginning and asks the warehouse for every call.

The log keeps 30 days, so this finds what was lost, doubled or changed since then. Only what is recorded as stored is
compared; what still waits to be loaded is no difference.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ingest.errors import InvalidInput
from ingest.log import Record, TopicFollower
from ingest.money import ZERO
from warehouse.cells import Cell, as_params, cell_of, slices
from warehouse.client import Client
from warehouse.destinations import costed_call
from warehouse.rows import CALLS

_STORED = """SELECT call_id, team, version, cost_usd FROM calls_raw FINAL
WHERE started_at >= {start:DateTime('UTC')} AND started_at < {end:DateTime('UTC')}
  AND (team, toStartOfHour(started_at)) IN {cells:Array(Tuple(String, DateTime('UTC')))}
SETTINGS do_not_merge_across_partitions_select_final = 1"""
_SHOWN = 20
_CALL_ID, _TEAM, _STARTED_AT, _VERSION, _COST = (
    CALLS.names.index(name) for name in ("call_id", "team", "started_at", "version", "cost_usd")
)


@dataclass(frozen=True)
class Charge:
    """What one call costs, in one version."""

    version: int
    cost_usd: Decimal


@dataclass(frozen=True)
class Wrong:
    """A call that the warehouse does not have as the log does; `stored` is None where it is missing."""

    call_id: str
    team: str
    expected: Charge
    stored: Charge | None

    def describe(self) -> str:
        """For people, one line."""
        stored = f"${self.stored.cost_usd} (version {self.stored.version})" if self.stored else "missing"
        return f"call {self.call_id} of {self.team}: log ${self.expected.cost_usd} (version {self.expected.version}), {stored}"


@dataclass
class LogTotals:
    """What the log says: the newest version of every call, by cell."""

    cells: defaultdict[Cell, dict[str, Charge]] = field(default_factory=lambda: defaultdict(dict))
    unreadable: int = 0

    def add(self, record: Record) -> None:
        """Take in one record, as the loader would; the highest version holds, whatever the order."""
        try:
            row = costed_call(record)
        except InvalidInput:
            self.unreadable += 1
            return
        calls = self.cells[cell_of(row[_TEAM], row[_STARTED_AT])]
        charge = Charge(row[_VERSION], row[_COST])
        known = calls.get(row[_CALL_ID])
        if known is None or known.version < charge.version:
            calls[row[_CALL_ID]] = charge

    @property
    def calls(self) -> int:
        return sum(map(len, self.cells.values()))

    @property
    def cost_usd(self) -> Decimal:
        return sum((charge.cost_usd for calls in self.cells.values() for charge in calls.values()), ZERO)


async def read_log(follower: TopicFollower, stored: Mapping[int, int]) -> LogTotals:
    """Every record of `llm.costs` before the positions in `stored` (by partition)."""
    totals = LogTotals()

    async def follow() -> None:
        async for record in follower.records():
            if record.offset < stored.get(record.partition, 0):
                totals.add(record)

    following, caught_up = asyncio.create_task(follow()), asyncio.create_task(follower.caught_up())
    await asyncio.wait({following, caught_up}, return_when=asyncio.FIRST_COMPLETED)
    if following.done():
        caught_up.cancel()
        following.result()
    following.cancel()
    await asyncio.wait({following, caught_up})
    return totals


def compare(client: Client, totals: LogTotals) -> Iterator[Wrong]:
    """Every call of the log that the warehouse lacks or has otherwise. Blocks."""
    for part in slices(totals.cells):
        stored = {
            (call_id, team): Charge(version, cost)
            for call_id, team, version, cost in client.rows(_STORED, as_params(part))
        }
        for cell in part:
            for call_id, expected in totals.cells[cell].items():
                if (found := stored.get((call_id, cell[0]))) != expected:
                    yield Wrong(call_id, cell[0], expected, found)


def render(totals: LogTotals, wrong: Sequence[Wrong]) -> str:
    """The findings as text, with a verdict in the last line; of many wrong calls the first are named."""
    lines = [f"{'log':<10}{totals.calls:>14,}{totals.cost_usd:>30,.12f}"]
    if totals.unreadable:
        lines.append(f"{totals.unreadable} records of the log cannot be read (see dead_letters)")
    lines += [f"WRONG    {one.describe()}" for one in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        lines.append(f"… and {len(wrong) - _SHOWN} more")
    lines.append(f"{len(wrong)} calls are not as on the log" if wrong else "every call is as on the log")
    return "\n".join(lines)
