"""Each stage of the worker by itself, on the events of a backlog, with tables in memory and nobody else around.

What is left of the worker's time when these are taken off goes to Kafka's client, to Faust and to the tables on disk.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime

from bench import backlog
from bench.figures import median_of
from ingest.clock import Clock, SystemClock
from ingest.log import Outgoing, Record
from ingest.pricing.book import GenaiPriceBook
from ingest.pricing.price import PriceBook
from ingest.topics import TopicName
from streams.agents.governance import GovernanceStep
from streams.agents.ledger import LedgerStep
from streams.agents.pinned import FixedPrices
from streams.agents.pricing import PricingStep
from streams.agents.reaper import Reaper
from streams.step import Step
from warehouse.destinations import costed_call

NAMES = ("costing", "budgets", "loading")

_ROUND = 500
"""Records that are taken in before the work is asked for."""


class _Done:
    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class _MemoryTable:
    """A table that costs next to nothing."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, bytes], bytes] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._entries.get((partition, key))

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._entries.pop((partition, key), None)
        else:
            self._entries[partition, key] = value

    def flush(self) -> Awaitable[None]:
        return _Done()

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter([(key, value) for (number, key), value in self._entries.items() if number == partition])

    def drop_below(self, _partition: int, _key: bytes) -> None:
        """Nothing here lives long enough."""


def measure(name: str, calls: int, rounds: int) -> dict[str, float]:
    """Microseconds of processor time for a call, median of `rounds`."""
    return median_of([{f"{name} us/call": _once(name, calls) / calls * 1e6} for _ in range(rounds)])


def _once(name: str, calls: int) -> float:
    now = datetime.now(UTC)
    those = backlog.budgets("stage", now)
    records = _numbered(backlog.records(backlog.calls("stage", calls, those, now)))
    clock, book = SystemClock(), GenaiPriceBook()
    if name == "costing":
        return _timed(lambda: _run(_pricing(book, clock), records))
    costed = _run(_pricing(book, clock), records)
    if name == "loading":
        rows = _numbered(record for record in costed if record.topic == TopicName.COSTS)
        return _timed(lambda: [costed_call(record) for record in rows])
    revisions = _run(GovernanceStep(clock), _numbered(backlog.definitions(those)))
    charges = [record for record in costed if record.topic == TopicName.CHARGES]
    ledger = LedgerStep(_MemoryTable(), _MemoryTable(), clock)
    _run(ledger, _numbered(revisions))
    taken = _numbered(charges)
    return _timed(lambda: _run(ledger, taken, restored=True))


def _pricing(book: PriceBook, clock: Clock) -> PricingStep:
    return PricingStep(_MemoryTable(), FixedPrices(book), clock, Reaper(_MemoryTable(), clock))


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _run(step: Step, records: Sequence[Record], restored: bool = False) -> list[Outgoing]:
    if not restored:
        step.restore([0])
    out: list[Outgoing] = []
    for start in range(0, len(records), _ROUND):
        for record in records[start : start + _ROUND]:
            step.accept(record)
        out += step.take().records
    return out


def _numbered(outgoing: Iterator[Outgoing] | Sequence[Outgoing]) -> list[Record]:
    return [Record(o.topic, 0, offset, o.key.encode(), o.value) for offset, o in enumerate(outgoing)]
