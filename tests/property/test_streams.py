"""The steps on a simulated log that crashes wherever it hurts: the outcome is that of a run without a crash,
whatever prices come in between.

Simulated are the log (a crash leaves a beginning of what was being published, partition by partition) and the tables
(a crash leaves a beginning of the writes on the changelog; the local store is ahead of it, or was lost). The steps, the
codec, the prices and the ledger are the real ones.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Awaitable, Generator, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings, strategies as st

from ingest.clock import FixedClock
from ingest.codec import decode_event, encode_event
from ingest.events.calls import BudgetRef, CallFinished
from ingest.events.costs import CallCosted
from ingest.events.governance import BudgetDefined
from ingest.events.prices import PriceOverridden, PriceScope
from ingest.events.states import BudgetStateChanged
from ingest.governance.windows import window_at
from ingest.ids import new_id
from ingest.log import Outgoing, Record
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import PriceLists, shipped_list
from streams.agents.governance import GovernanceStep
from streams.agents.ledger import LedgerStep
from streams.agents.pinned import PinnedPrices
from streams.agents.pricing import PricingStep
from streams.step import Step
from tests.builders import a_budget, a_call_costed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTITIONS = 2
LISTS = PriceLists(shipped_list())
BUDGETS = tuple(a_budget(name=name, created_at=NOW, limit_usd=Decimal("0.02")) for name in "abc")
A_CALL_COSTS = Decimal("0.0055")


class Log:
    """Topics of records; what was published is there."""

    def __init__(self) -> None:
        self.topics: dict[str, list[list[Record]]] = defaultdict(lambda: [[] for _ in range(PARTITIONS)])

    def append(self, outgoing: Outgoing) -> None:
        number = zlib.crc32(outgoing.key.encode()) % PARTITIONS
        partition = self.topics[outgoing.topic][number]
        partition.append(
            Record(outgoing.topic, number, len(partition), outgoing.key.encode(), outgoing.value)
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
        self._tables = [SimulatedTable() for _ in range(3)]
        self._epochs = SimulatedTable()
        self._start()

    def _start(self) -> None:
        seen, balances, budgets = self._tables
        self.steps: dict[str, Step] = {
            "llm.calls": PricingStep(
                seen, PinnedPrices(self._epochs, self._history, self._clock), self._clock
            ),
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

    def tick(self) -> None:
        """Time for what waits."""
        self._clock.advance(1.0)
        for outgoing in self.steps["budget.charges"].take().records:
            self._log.append(outgoing)

    def _publish_beginnings(self, records: list[Outgoing]) -> None:
        by_partition: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for outgoing in records:
            by_partition[outgoing.topic, zlib.crc32(outgoing.key.encode()) % PARTITIONS].append(outgoing)
        for some in by_partition.values():
            for outgoing in some[: self._data.draw(st.integers(0, len(some)), label="records published")]:
                self._log.append(outgoing)

    def _crash(self) -> None:
        is_disk_lost = self._data.draw(st.booleans(), label="disk lost")
        for table in (self._positions, self._epochs, *self._tables):
            table.under_way = []
            table.recover(self._data, is_disk_lost)
        self._start()


@st.composite
def sent_calls(draw: st.DrawFn) -> list[CallFinished]:
    """Finished calls of several teams; a gateway that heard no answer sends some of them again."""
    calls = [
        a_call_costed(
            team=draw(st.sampled_from(["search", "chat", "code"])),
            budgets=tuple(
                BudgetRef(budget.name, window_at(budget, NOW).id)
                for budget in draw(st.lists(st.sampled_from(BUDGETS), max_size=2, unique_by=lambda b: b.name))
            ),
        ).finished
        for _ in range(draw(st.integers(1, 12)))
    ]
    again = draw(st.lists(st.sampled_from(calls), max_size=4))
    place = draw(st.integers(0, len(calls)))
    return [*calls[:place], *(call for call in again if call in calls[:place]), *calls[place:]]


def a_price(dollars: int) -> PriceOverridden:
    """Of the calls' model: so many dollars for a million tokens of input, output free."""
    rates = {"input": Decimal(dollars), "output": Decimal(0)}
    return PriceOverridden(f"p{dollars}", PriceScope(model="gpt-4o"), NOW, NOW, rates=rates)


CRASHES = st.sampled_from(["", "", "", "before publishing", "writing", "before the position", "after"])


@given(sent_calls(), st.data())
@settings(max_examples=200, deadline=None)
def test_crashes_change_nothing(calls: list[CallFinished], data: st.DataObject) -> None:
    log = Log()
    for budget in BUDGETS:
        event = BudgetDefined(budget, NOW)
        log.append(
            Outgoing("governance", budget.name, encode_event(event, id=new_id(), source="t", time=NOW))
        )
    for call in calls:
        value = encode_event(call, id=f"{call.call.call_id}/finished", source="t", time=call.finished_at)
        log.append(Outgoing("llm.calls", call.call.who.team, value))
    history = PriceHistory(LISTS)
    process = Process(log, history, data)

    crashes = prices = 0
    while behind := process.behind():
        if prices < 6 and data.draw(st.integers(0, 5), label="new price at 5") == 5:
            prices += 1
            history.apply(a_price(prices), prices)
        topic, number = data.draw(st.sampled_from(behind), label="stage")
        crash = data.draw(CRASHES, label="crash") if crashes < 8 else ""
        crashes += bool(crash)
        process.round(topic, number, data.draw(st.integers(1, 6), label="records"), crash)
    process.tick()

    once = {call.call.call_id: call for call in calls}
    costed = [event for event in log.events("llm.costs") if isinstance(event, CallCosted)]
    assert {event.finished.call.call_id: event.finished for event in costed} == once
    costs = {event.finished.call.call_id: event.cost for event in costed}
    assert all(event.cost == costs[event.finished.call.call_id] for event in costed)
    assert prices or all(cost.cost_usd == A_CALL_COSTS for cost in costs.values())
    states = {}
    for state in log.events("budget.states"):
        assert isinstance(state, BudgetStateChanged)
        states[state.budget.name] = state
    for budget in BUDGETS:
        charged = [c for c in once.values() if any(ref.budget_id == budget.name for ref in c.call.budgets)]
        spent = sum((costs[call.call.call_id].cost_usd for call in charged), Decimal(0))
        assert states[budget.name].spent_usd == spent
        assert (states[budget.name].status == "blocked") == (spent >= budget.limit_usd)
