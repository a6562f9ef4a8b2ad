"""The steps with tables in memory: what they publish, what they store, what they bury."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ingest.clock import FixedClock
from ingest.codec import Event, decode_event, encode_event
from ingest.events.calls import BudgetRef, CallFinished, CallStarted
from ingest.events.charges import BudgetRevised, ChargeSettled, SourcePosition
from ingest.events.costs import CallCosted
from ingest.events.dead_letters import DeadLetter
from ingest.events.governance import BudgetDefined, BudgetDeleted, TeamDefined
from ingest.events.states import BudgetStateChanged
from ingest.letters import LONGEST_VALUE, dead_letter
from ingest.log import Outgoing, Record
from ingest.pricing.book import GenaiPriceBook
from streams.agents.governance import GovernanceStep
from streams.agents.ledger import LedgerStep
from streams.agents.pinned import FixedPrices
from streams.agents.pricing import KEEP_DAYS, SEEN_DAYS, PricingStep, seen_key
from streams.agents.reaper import Reaper
from tests.builders import a_budget, a_call_costed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOOK = GenaiPriceBook()
REF = BudgetRef("daily", "0/2026-11-24T00:00:00Z")
DAILY = a_budget(name="daily", window="day", created_at=NOW)


class Done:
    """Awaiting it takes no time."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class MemoryTable:
    """A table whose writes are durable at once; `written` has them all."""

    def __init__(self) -> None:
        self.entries: dict[tuple[int, bytes], bytes] = {}
        self.written: list[tuple[int, bytes, bytes | None]] = []

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.entries.get((partition, key))

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        self.written.append((partition, key, value))
        if value is None:
            self.entries.pop((partition, key), None)
        else:
            self.entries[partition, key] = value

    def flush(self) -> Awaitable[None]:
        return Done()

    def drop_below(self, partition: int, key: bytes) -> None:
        for entry in [e for e in self.entries if e[0] == partition and e[1] < key]:
            del self.entries[entry]

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        yield from [(key, value) for (number, key), value in self.entries.items() if number == partition]


def record(
    event: Event | bytes | None, offset: int = 0, topic: str = "llm.calls", partition: int = 0
) -> Record:
    value = event
    if value is not None and not isinstance(value, bytes):
        value = encode_event(value, id=f"id-{offset}", source="test", time=NOW)
    return Record(topic, partition, offset, b"key", value)


def data(records: object) -> list[object]:
    assert isinstance(records, list | tuple)
    return [decode_event(outgoing.value).data for outgoing in records]


def a_call(**changes: object) -> CallFinished:
    return a_call_costed(**changes).finished


def pricing_on(seen: MemoryTable, clock: FixedClock, opened: MemoryTable | None = None) -> PricingStep:
    return PricingStep(seen, FixedPrices(BOOK), clock, Reaper(opened or MemoryTable(), clock))


def pricing(table: MemoryTable | None = None) -> PricingStep:
    return pricing_on(table or MemoryTable(), FixedClock(NOW))


def ledger(
    balances: MemoryTable | None = None,
    budgets: MemoryTable | None = None,
    clock: FixedClock | None = None,
) -> LedgerStep:
    step = LedgerStep(balances or MemoryTable(), budgets or MemoryTable(), clock or FixedClock(NOW))
    step.restore([0])
    return step


def charge(amount: str, offset: int = 0) -> ChargeSettled:
    return ChargeSettled(
        "daily", REF.window, f"call-{offset}", Decimal(amount), SourcePosition(0, offset), NOW
    )


def test_a_finished_call_becomes_a_cost_and_its_charges_in_that_order() -> None:
    step, call = pricing(), a_call(budgets=(REF,), team="chat")
    step.accept(record(call, 5, partition=3))
    work = step.take()
    costed, charged = data(work.records)
    assert isinstance(costed, CallCosted)
    assert costed.finished == call
    assert isinstance(charged, ChargeSettled)
    assert charged.source == SourcePosition(3, 5)
    assert [(o.topic, o.key) for o in work.records] == [("llm.costs", "chat"), ("budget.charges", "daily")]
    assert step.take().records == []


def test_the_same_record_again_gives_the_same_bytes() -> None:
    step, one = pricing(), record(a_call(budgets=(REF,)), 5)
    step.accept(one)
    first = step.take()
    step.accept(one)
    assert step.take().records == first.records


def test_the_same_call_at_a_later_offset_is_dropped_and_counted() -> None:
    step, call = pricing(), a_call(budgets=(REF,))
    step.accept(record(call, 5))
    step.take()
    step.accept(record(call, 6))
    assert step.take().records == []
    assert step.repeated_sends == 1


def test_a_call_seen_before_is_stored_again_with_its_first_offset() -> None:
    table = MemoryTable()
    step, call = pricing(table), a_call()
    step.accept(record(call, 5))
    step.accept(record(call, 5))
    step.accept(record(call, 4))
    assert table.written == [(0, seen_key(call.call.started_at.date(), call.call.call_id), b"5")] * 3


def test_calls_are_forgotten_when_they_are_too_old_to_come_again() -> None:
    table, clock = MemoryTable(), FixedClock(NOW)
    step = pricing_on(table, clock)
    step.restore([0])
    for offset, days in enumerate((0, 1)):
        step.accept(record(a_call(started_at=NOW - timedelta(days=days)), offset))
    step.take()
    for days, left in ((KEEP_DAYS - 1, 2), (1, 1), (1, 0)):
        clock.advance(86_400 * days)
        step.take()
        assert len(table.entries) == left


@pytest.mark.parametrize(
    ("days_late", "days_later"),
    [
        *((60, later) for later in (0, 1, SEEN_DAYS - 1)),
        # What was in time when it came first is too late when it comes again.
        *((SEEN_DAYS - 1, later) for later in (0, 1, 7)),
    ],
)
def test_a_call_that_came_late_and_comes_again_is_charged_once_whatever_is_restarted(
    days_late: int, days_later: int
) -> None:
    table, clock = MemoryTable(), FixedClock(NOW)
    call = a_call(started_at=NOW - timedelta(days=days_late), budgets=(REF,))
    charged = []
    for offset, days in enumerate((0, days_later, 0)):
        clock.advance(86_400 * days)
        step = pricing_on(table, clock)
        step.restore([0])
        step.take()  # forgets what is old
        logged_ms = int(clock.now().timestamp() * 1000)
        step.accept(msgspec.structs.replace(record(call, offset), timestamp_ms=logged_ms))
        charged += [event for event in data(step.take().records) if isinstance(event, ChargeSettled)]
    assert len(charged) == 1


def test_a_started_call_leads_to_nothing_yet() -> None:
    step = pricing()
    step.accept(record(CallStarted(a_call().call)))
    assert step.take().records == []


def test_what_pricing_cannot_use_is_buried_with_the_reason() -> None:
    step = pricing()
    step.accept(record(b"{", 1))
    step.accept(record(None, 2))
    step.accept(record(TeamDefined("search", NOW), 3))
    letters = data(step.take().records)
    assert all(isinstance(letter, DeadLetter) for letter in letters)
    reasons = [letter.reason for letter in letters if isinstance(letter, DeadLetter)]
    assert reasons[0].startswith("no CloudEvents envelope")
    assert reasons[1:] == [
        "the record has no value (a tombstone)",
        "TeamDefined does not belong on llm.calls",
    ]


def test_a_cost_that_kafka_would_refuse_is_buried_and_still_charged() -> None:
    step = pricing()
    step.accept(record(a_call(budgets=(REF,), tags={"note": "x" * LONGEST_VALUE})))
    letter, charged = data(step.take().records)
    assert isinstance(letter, DeadLetter)
    assert "its cost event has" in letter.reason
    assert isinstance(charged, ChargeSettled)


def test_governance_forwards_what_concerns_budgets() -> None:
    step = GovernanceStep(FixedClock(NOW))
    step.accept(record(TeamDefined("search", NOW), 0, "governance"))
    step.accept(record(BudgetDefined(DAILY, NOW), 1, "governance"))
    step.accept(record(BudgetDeleted(DAILY, NOW + timedelta(days=1)), 2, "governance"))
    step.accept(record(b"?", 3, "governance"))
    work = step.take()
    *revised, letter = data(work.records)
    assert revised == [
        BudgetRevised(DAILY, NOW),
        BudgetRevised(DAILY, NOW + timedelta(days=1), is_deleted=True),
    ]
    assert isinstance(letter, DeadLetter)
    assert [(o.topic, o.key) for o in work.records] == [
        ("budget.charges", "daily"),
        ("budget.charges", "daily"),
        ("dead.letters", "governance"),
    ]


def test_a_charge_is_stored_and_its_state_published() -> None:
    balances, budgets = MemoryTable(), MemoryTable()
    step = ledger(balances, budgets)
    step.accept(record(BudgetRevised(DAILY, NOW), 0, "budget.charges"))
    step.accept(record(charge("4"), 1, "budget.charges"))
    work = step.take()
    (state,) = data(work.records)
    assert isinstance(state, BudgetStateChanged)
    assert (state.spent_usd, state.call_id) == (Decimal(4), "call-0")
    assert len(balances.entries) == len(budgets.entries) == 1


def test_a_restored_ledger_knows_what_was_stored() -> None:
    balances, budgets = MemoryTable(), MemoryTable()
    step = ledger(balances, budgets)
    step.accept(record(BudgetRevised(DAILY, NOW), 0, "budget.charges"))
    step.accept(record(charge("4", 0), 1, "budget.charges"))
    step.take()
    again = ledger(balances, budgets)
    (announced,) = data(again.take().records)
    again.accept(record(charge("4", 0), 1, "budget.charges"))
    again.accept(record(charge("5", 1), 2, "budget.charges"))
    (state,) = data(again.take().records)
    assert isinstance(announced, BudgetStateChanged)
    assert isinstance(state, BudgetStateChanged)
    assert (announced.spent_usd, state.spent_usd) == (Decimal(4), Decimal(9))


def test_an_amount_that_waits_is_published_when_it_is_due() -> None:
    clock = FixedClock(NOW)
    step = ledger(clock=clock)
    step.accept(record(BudgetRevised(DAILY, NOW), 0, "budget.charges"))
    step.accept(record(charge("1", 0), 1, "budget.charges"))
    step.take()
    step.accept(record(charge("1", 1), 2, "budget.charges"))
    assert step.take().records == []
    due = step.next_due()
    assert due is not None
    assert 0 < due - clock.monotonic() <= 0.1
    clock.advance(due - clock.monotonic())
    (state,) = data(step.take().records)
    assert isinstance(state, BudgetStateChanged)
    assert state.spent_usd == 2


def test_a_window_that_ends_is_left_without_an_event() -> None:
    clock = FixedClock(NOW)
    step = ledger(clock=clock)
    step.accept(record(BudgetRevised(DAILY, NOW), 0, "budget.charges"))
    step.take()
    clock.advance(86_400)
    (state,) = data(step.take().records)
    assert isinstance(state, BudgetStateChanged)
    assert state.window == "0/2026-11-25T00:00:00Z"


def test_what_the_ledger_cannot_use_is_buried_with_the_reason() -> None:
    step = ledger()
    odd = msgspec.structs.replace(DAILY, window="fortnight")
    step.accept(record(b"[]", 0, "budget.charges"))
    step.accept(record(TeamDefined("search", NOW), 1, "budget.charges"))
    step.accept(record(BudgetRevised(odd, NOW), 2, "budget.charges"))
    letters = [letter for letter in data(step.take().records) if isinstance(letter, DeadLetter)]
    assert [letter.offset for letter in letters] == [0, 1, 2]
    assert "TeamDefined does not belong on budget.charges" in letters[1].reason
    assert "window 'fortnight' is none of" in letters[2].reason


def test_a_letter_keeps_the_bytes_and_where_they_stood() -> None:
    letter = dead_letter(Record("t", 3, 9, b"k", b"\xff\x00"), "why", NOW)
    assert letter == DeadLetter("t", 3, 9, "why", b"k", b"\xff\x00", NOW)
    assert decode_event(encode_event(letter, id="1", source="s", time=NOW)).data == letter


def test_a_letter_too_long_for_the_log_is_cut_and_says_so() -> None:
    letter = dead_letter(Record("t", 0, 0, b"k" * 5000, b"v" * (LONGEST_VALUE + 1)), "w" * 9999, NOW)
    assert letter.value == b"v" * LONGEST_VALUE
    assert letter.key == b"k" * 4096
    assert f"the value has {LONGEST_VALUE + 1} bytes; the first {LONGEST_VALUE} are kept" in letter.reason
    assert "the key has 5000 bytes; the first 4096 are kept" in letter.reason
    encoded = encode_event(letter, id="1", source="s", time=NOW)
    assert len(encoded) < 1_000_000


def test_a_letter_of_the_same_record_has_the_same_id() -> None:
    ids = set()
    for _ in range(2):
        step = pricing()
        step.accept(record(b"{", 7))
        (outgoing,) = step.take().records
        assert isinstance(outgoing, Outgoing)
        ids.add(decode_event(outgoing.value).id)
    assert len(ids) == 1
