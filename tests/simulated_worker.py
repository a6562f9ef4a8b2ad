"""The steps of a worker on a simulated log, for tests that crash it wherever it hurts.

Simulated are the log (a crash leaves a beginning of what was being published, partition by partition) and the tables
(a crash leaves a beginning of the writes on the changelog; the local store is ahead of it, or was lost). The steps, the
codec, the prices and the ledger are the real ones.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Awaitable, Generator, Iterator
from datetime import UTC, datetime

from hypothesis import strategies as st

from ingest.clock import FixedClock
from ingest.codec import decode_event
from ingest.log import Outgoing, Record
from ingest.pricing.history import PriceHistory
from streams.agents.corrections import CorrectionStep
from streams.agents.governance import GovernanceStep
from streams.agents.ledger import LedgerStep
from streams.agents.pinned import PinnedPrices
from streams.agents.pricing import PricingStep
from streams.agents.reaper import Reaper
from streams.step import Step

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTITIONS = 2
CRASHES = st.sampled_from(["", "", "", "before publishing", "writing", "before the position", "after"])
_NOW_MS = int(NOW.timestamp() * 1000)


class Log:
    """Topics of records; what was published is there."""

    def __init__(self) -> None:
        self.topics: dict[str, list[list[Record]]] = defaultdict(lambda: [[] for _ in range(PARTITIONS)])
        self._count = 0

    def append(self, outgoing: Outgoing) -> None:
        number = place_of(outgoing)
        partition = self.topics[outgoing.topic][number]
        self._count += 1
        key = outgoing.key.encode()
        partition.append(
            Record(outgoing.topic, number, len(partition), key, outgoing.value, _NOW_MS + self._count)
        )

    def events(self, topic: str) -> Iterator[object]:
        for partition in self.topics[topic]:
            yield from (decode_event(record.value).data for record in partition)


class Done:
    """Awaiting it takes no time."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class SimulatedTable:
    """A local store, a changelog, and the writes that are on their way to it, in order for each partition."""

    def __init__(self) -> None:
        self.local: dict[tuple[int, bytes], bytes] = {}
        self.changelog: dict[tuple[int, bytes], bytes] = {}
        self.under_way: list[tuple[tuple[int, bytes], bytes | None]] = []

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.local.get((partition, key))

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        _set(self.local, (partition, key), value)
        self.under_way.append(((partition, key), value))

    def flush(self) -> Awaitable[None]:
        return Done()

    def drop_below(self, partition: int, key: bytes) -> None:
        for entry in [e for e in self.local if e[0] == partition and e[1] < key]:
            del self.local[entry]

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        yield from [(key, value) for (number, key), value in self.local.items() if number == partition]

    def deliver(self, count: int | None = None) -> None:
        """The first `count` writes under way reach the changelog."""
        for key, value in self.under_way[:count]:
            _set(self.changelog, key, value)
        self.under_way = []

    def recover(self, data: st.DataObject, is_disk_lost: bool) -> None:
        """As Faust does: what the changelog has goes over the local store where the store does not know that it has it."""
        self.under_way = []
        stale = set(self.changelog)
        if is_disk_lost:
            self.local = {}
        elif stale:
            stale = data.draw(st.sets(st.sampled_from(sorted(stale))), label="restored")
        for key in stale:
            self.local[key] = self.changelog[key]


def _set(mapping: dict[tuple[int, bytes], bytes], key: tuple[int, bytes], value: bytes | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value


class Process:
    """All steps with their tables, as one worker runs them."""

    def __init__(self, log: Log, history: PriceHistory, data: st.DataObject) -> None:
        self._log = log
        self._history = history
        self._data = data
        self._clock = FixedClock(NOW)
        self._positions = SimulatedTable()
        self._tables = [SimulatedTable() for _ in range(5)]
        self._epochs = SimulatedTable()
        self._start()

    def _start(self) -> None:
        seen, opened, balances, budgets, corrections = self._tables
        self.steps: dict[str, Step] = {
            "llm.calls": PricingStep(
                seen,
                PinnedPrices(self._epochs, self._history, self._clock),
                self._clock,
                Reaper(opened, self._clock),
            ),
            "llm.costs": CorrectionStep(corrections, self._clock),
            "budget.charges": LedgerStep(balances, budgets, self._clock),
            "governance": GovernanceStep(self._clock),
        }
        self._due: dict[tuple[str, int], int] = {}
        for topic, step in self.steps.items():
            step.restore(range(PARTITIONS))
            for number in range(PARTITIONS):
                self._due[topic, number] = int(self._positions.get(number, topic.encode()) or 0)

    def behind(self) -> list[tuple[str, int]]:
        return [key for key in self._due if self._due[key] < len(self._log.topics[key[0]][key[1]])]

    def round(self, topic: str, number: int, many: int, crash: str) -> None:
        """Take in some records and write what follows; `crash` is where it ends, or ""."""
        step, due = self.steps[topic], self._due[topic, number]
        records = self._log.topics[topic][number][due : due + many]
        for record in records:
            step.accept(record)
        work = step.take()
        if crash == "before publishing":
            under_way = self._epochs.under_way
            self._epochs.deliver(self._data.draw(st.integers(0, len(under_way)), label="delivered first"))
            return self._crash()
        if work.first:
            self._epochs.deliver()
        if crash == "writing":
            self._publish_beginnings(list(work.records))
            for table in self._tables:
                table.deliver(self._data.draw(st.integers(0, len(table.under_way)), label="writes delivered"))
            return self._crash()
        for outgoing in work.records:
            self._log.append(outgoing)
        for table in self._tables:
            table.deliver()
        if crash == "before the position":
            return self._crash()
        self._due[topic, number] = due + len(records)
        self._positions.put(number, topic.encode(), str(due + len(records)).encode())
        self._positions.deliver()
        if crash == "after":
            self._crash()
        return None

    def tick(self, seconds: float = 1.0) -> None:
        """Time for what waits."""
        self._clock.advance(seconds)
        for step in self.steps.values():
            for outgoing in step.take().records:
                self._log.append(outgoing)
            for table in (self._epochs, *self._tables):
                table.deliver()

    def run(self, most_crashes: int = 8) -> None:
        """Rounds of any stage, with crashes, until everything is read."""
        crashes = 0
        while behind := self.behind():
            topic, number = self._data.draw(st.sampled_from(behind), label="stage")
            crash = self._data.draw(CRASHES, label="crash") if crashes < most_crashes else ""
            crashes += bool(crash)
            self.round(topic, number, self._data.draw(st.integers(1, 6), label="records"), crash)

    def _publish_beginnings(self, records: list[Outgoing]) -> None:
        by_partition: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for outgoing in records:
            by_partition[outgoing.topic, place_of(outgoing)].append(outgoing)
        for some in by_partition.values():
            for outgoing in some[: self._data.draw(st.integers(0, len(some)), label="records published")]:
                self._log.append(outgoing)

    def _crash(self) -> None:
        is_disk_lost = self._data.draw(st.booleans(), label="disk lost")
        for table in (self._positions, self._epochs, *self._tables):
            table.recover(self._data, is_disk_lost)
        self._start()


def place_of(outgoing: Outgoing) -> int:
    """The partition of a record."""
    if outgoing.partition is not None:
        return outgoing.partition
    return zlib.crc32(outgoing.key.encode()) % PARTITIONS
