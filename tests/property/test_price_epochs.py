"""A record is priced by the same state of the prices whenever it comes again, wherever a process ends in between."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings, strategies as st

from ingest.clock import FixedClock
from ingest.codec import encode_event
from ingest.events.prices import PriceOverridden, PriceScope
from ingest.log import Outgoing, Record
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import PriceLists, shipped_list
from ingest.pricing.price import PriceBook
from streams.agents.pinned import PinnedPrices
from streams.agents.pricing import PricingStep
from streams.agents.reaper import Reaper
from tests.builders import a_call_costed
from tests.simulated_worker import SimulatedTable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
P = 3  # any partition
LISTS = PriceLists(shipped_list())


class Governance:
    """Price states: a book is its offset."""

    def __init__(self) -> None:
        self.offset = -1

    def book(self, offset: int) -> PriceBook:
        assert offset <= self.offset
        return offset  # type: ignore[return-value]


class Worker:
    """One process after the other on one table, as `streams.outbox` runs a step. `published` is what each record was
    published with, first and again."""

    def __init__(self, data: st.DataObject, governance: Governance) -> None:
        self._data = data
        self._governance = governance
        self._table = SimulatedTable()
        self.published: dict[int, set[object]] = {}
        self.stored_position = 0
        self.start()

    def start(self) -> None:
        self._prices = PinnedPrices(self._table, self._governance, FixedClock(NOW))
        self._prices.restore([P])
        self.next = self.stored_position
        self._durable: int | None = None

    def crash(self) -> None:
        self._table.recover(self._data, self._data.draw(st.booleans(), label="disk lost"))
        self.start()

    def round(self, many: int, crash: str) -> None:
        """Take `many` records in and write what follows; `crash` is where it ends, or ""."""
        priced = {self.next + n: self._prices.book(P, self.next + n) for n in range(many)}
        first = list(self._prices.store())
        if crash == "before":
            self._table.deliver(
                self._data.draw(st.integers(0, len(self._table.under_way)), label="delivered")
            )
            return self.crash()
        if first:
            self._table.deliver()
        count = self._data.draw(st.integers(0, many), label="published") if crash == "publishing" else many
        for offset, book in list(priced.items())[:count]:
            self.published.setdefault(offset, set()).add(book)
        if crash == "publishing":
            return self.crash()
        # The position behind the records of a round is stored with the next round.
        if self._durable is not None:
            self.stored_position = self._durable
        self.next += many
        self._durable = self.next
        return self.crash() if crash == "after" else None


@given(st.data())
@settings(max_examples=300)
def test_a_record_never_has_two_prices(data: st.DataObject) -> None:
    governance = Governance()
    worker = Worker(data, governance)
    sizes = st.one_of(st.integers(0, 3), st.integers(10, 60))
    for _ in range(data.draw(st.integers(1, 25), label="rounds")):
        if data.draw(st.booleans(), label="new price"):
            governance.offset += data.draw(st.integers(1, 3))
        crash = data.draw(st.sampled_from(["", "", "", "before", "publishing", "after"]), label="crash")
        worker.round(data.draw(sizes, label="records"), crash)
    assert all(len(books) == 1 for books in worker.published.values())


@given(st.data())
@settings(max_examples=100)
def test_a_new_price_holds_from_the_next_call_on(data: st.DataObject) -> None:
    """While a worker runs, and after a restart as soon as what may have been published before is passed."""
    governance = Governance()
    governance.offset = 0
    worker = Worker(data, governance)
    for size in data.draw(st.lists(st.integers(0, 40), max_size=8), label="rounds"):
        worker.round(size, "")
    worker.round(data.draw(st.integers(0, 10), label="a quiet round"), "")
    last = worker.next
    if data.draw(st.booleans(), label="restart"):
        worker.crash()
    governance.offset = 7
    worker.round(0, "")
    while worker.next < last + 3:
        worker.round(1, "")
    for offset in range(last, last + 3):
        assert worker.published[offset] == {7}


def test_the_first_process_prices_by_what_it_finds() -> None:
    governance = Governance()
    governance.offset = 5
    prices = PinnedPrices(SimulatedTable(), governance, FixedClock(NOW))
    prices.restore([P])
    assert prices.book(P, 1_000_000) == 5  # type: ignore[comparison-overlap]


def test_a_busy_partition_stores_its_reach_once_in_a_while() -> None:
    table = SimulatedTable()
    prices = PinnedPrices(table, Governance(), FixedClock(NOW))
    prices.restore([P])
    flushes = 0
    for start in range(0, 10_000, 100):
        for offset in range(start, start + 100):
            prices.book(P, offset)
        flushes += len(prices.store())
    assert flushes <= 100 / 8 + 1


def test_old_entries_are_dropped() -> None:
    table, governance = SimulatedTable(), Governance()
    governance.offset = 0
    prices = PinnedPrices(table, governance, FixedClock(NOW))
    prices.restore([P])
    for offset in range(500):
        prices.book(P, offset)
        governance.offset += 1
        prices.store()
    assert len(list(table.items(P))) <= 101
    assert prices.book(P, 499) == 499  # type: ignore[comparison-overlap]


def _own_price(number: int) -> PriceOverridden:
    rates = {"input": Decimal(number), "output": Decimal(1)}
    return PriceOverridden(f"p{number}", PriceScope(model="gpt-4o"), NOW, NOW, rates=rates)


@given(st.data())
@settings(max_examples=60)
def test_a_step_that_is_restored_prices_the_same_records_to_the_same_bytes(data: st.DataObject) -> None:
    """The real step with real prices, which change before, between and after; the second time, all at once."""
    history = PriceHistory(LISTS)
    seen, epochs, clock = SimulatedTable(), SimulatedTable(), FixedClock(NOW)
    offset = 0
    records = [_record(n) for n in range(data.draw(st.integers(1, 12), label="calls"))]

    def step() -> PricingStep:
        made = PricingStep(seen, PinnedPrices(epochs, history, clock), clock, Reaper(SimulatedTable(), clock))
        made.restore([P])
        return made

    first = step()
    published: list[Outgoing] = []
    for record in records:
        first.accept(record)
        if data.draw(st.booleans(), label="round"):
            published += first.take().records
        if data.draw(st.booleans(), label="new price"):
            offset += 1
            history.apply(_own_price(offset), offset)
    published += first.take().records
    history.apply(_own_price(99), offset + 1)
    again = step()
    for record in records:
        again.accept(record)
    assert list(again.take().records) == published


def _record(offset: int) -> Record:
    call = a_call_costed(started_at=NOW).finished
    value = encode_event(call, id=f"{call.call.call_id}/finished", source="test", time=NOW)
    return Record("llm.calls", P, offset, b"team", value)
