from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ingest.clock import FixedClock
from ingest.codec import Event, decode_event, encode_event
from ingest.events.calls import BudgetRef
from ingest.events.charges import ChargeCorrected, SourcePosition
from ingest.events.costs import CallCosted, CostCorrected
from ingest.log import Record
from streams.agents.corrections import KEEP_DAYS, CorrectionStep
from streams.correcting import Applied, Change, change_of, corrections_for
from streams.outgoing import REPRICE, correction_record
from tests.builders import a_call_costed, corrected
from tests.unit.streams.test_steps import MemoryTable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REFS = (BudgetRef("daily", "0/2026-11-24T00:00:00Z"), BudgetRef("total", "0/2026-01-01T00:00:00Z"))


def a_correction(
    version: int, cost: str, call: CallCosted, previous: str = "1", at: datetime | None = NOW
) -> CostCorrected:
    event = corrected(call, version, cost_usd=cost)
    return msgspec.structs.replace(event, previous_cost_usd=Decimal(previous), corrected_at=at)


def record(event: Event | bytes | None, offset: int, partition: int = 2) -> Record:
    value = event
    if isinstance(event, CostCorrected):
        value = correction_record(event, REPRICE).value
    elif event is not None and not isinstance(event, bytes):
        value = encode_event(event, id=f"{offset}", source="test", time=NOW)
    assert value is None or isinstance(value, bytes)
    return Record("llm.costs", partition, offset, b"search", value, int(NOW.timestamp() * 1000))


def charges(step: CorrectionStep) -> list[ChargeCorrected]:
    found = [decode_event(outgoing.value).data for outgoing in step.take().records]
    assert all(isinstance(event, ChargeCorrected) for event in found)
    return [event for event in found if isinstance(event, ChargeCorrected)]


def deltas(step: CorrectionStep) -> list[Decimal]:
    return [charge.delta_usd for charge in charges(step) if charge.budget_id == "daily"]


def a_step(table: MemoryTable | None = None, clock: FixedClock | None = None) -> CorrectionStep:
    step = CorrectionStep(table or MemoryTable(), clock or FixedClock(NOW))
    step.restore([2])
    return step


CALL = a_call_costed(cost_usd="1", budgets=REFS)


def test_a_correction_changes_every_balance_of_its_call_by_the_difference() -> None:
    step = a_step()
    step.accept(record(a_correction(7, "0.4", CALL), 5))
    work = step.take()
    assert [(o.topic, o.key) for o in work.records] == [
        ("budget.charges", "daily"),
        ("budget.charges", "total"),
    ]
    (first, second) = (decode_event(o.value).data for o in work.records)
    assert first == ChargeCorrected(
        "daily", REFS[0].window, CALL.finished.call.call_id, Decimal("-0.6"), SourcePosition(2, 5), NOW
    )
    assert isinstance(second, ChargeCorrected)
    assert second.window == REFS[1].window


def test_the_second_correction_counts_from_the_first_and_not_from_what_its_producer_saw() -> None:
    step = a_step()
    step.accept(record(a_correction(7, "0.4", CALL), 5))
    step.accept(record(a_correction(8, "3", CALL, previous="1"), 6))
    assert deltas(step) == [Decimal("-0.6"), Decimal("2.6")]


def test_an_older_correction_that_comes_later_and_a_repeated_send_change_nothing() -> None:
    step = a_step()
    step.accept(record(a_correction(8, "3", CALL), 5))
    step.accept(record(a_correction(7, "0.4", CALL), 6))
    step.accept(record(a_correction(8, "3", CALL), 7))
    assert deltas(step) == [Decimal(2)]


def test_the_same_record_again_gives_the_same_bytes_and_is_stored_again() -> None:
    """The store may be ahead of its changelog after a crash."""
    table = MemoryTable()
    step = a_step(table)
    log = [
        record(a_correction(7, "0.4", CALL), 5),
        record(a_correction(6, "9", CALL), 6),
        record(a_correction(8, "3", CALL), 7),
    ]
    for one in log:
        step.accept(one)
    first = step.take()
    again = a_step(table)
    table.written.clear()
    for one in log:
        again.accept(one)
    assert again.take().records == first.records
    assert len(table.written) == 2
    assert len(set(table.entries.values())) == 1


def test_a_cost_that_stays_the_same_charges_nothing_and_is_remembered() -> None:
    step = a_step()
    step.accept(record(a_correction(7, "1", CALL), 5))
    step.accept(record(a_correction(6, "4", CALL), 6))
    assert deltas(step) == []


def test_a_call_that_falls_under_no_budget_charges_nothing() -> None:
    step = a_step()
    step.accept(record(a_correction(7, "0.4", a_call_costed(cost_usd="1")), 5))
    assert deltas(step) == []


def test_a_call_that_had_no_price_gets_its_whole_cost() -> None:
    step = a_step()
    step.accept(record(a_correction(7, "0.4", CALL, previous="0"), 5))
    assert deltas(step) == [Decimal("0.4")]


def test_what_is_no_correction_is_passed_over() -> None:
    table = MemoryTable()
    step = a_step(table)
    step.accept(record(CALL, 1))
    step.accept(record(a_call_costed(tags={"note": "CostCorrected"}), 2))
    step.accept(record(None, 3))
    step.accept(record(b"{", 4))
    assert step.take().records == []
    assert table.written == []


@pytest.mark.parametrize(
    "odd",
    [
        b'{"type": "spendstream.CostCorrected"',
        msgspec.structs.replace(a_correction(7, "1", CALL), version=1),
        a_correction(7, "1", a_call_costed(call_id="")),
    ],
    ids=["cut off", "no version", "no call"],
)
def test_what_the_warehouse_would_not_take_changes_no_balance(
    odd: Event | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    step = a_step()
    step.accept(record(odd, 1))
    assert step.take().records == []
    assert "llm.costs/2/1 is passed over" in caplog.text


def test_a_correction_without_a_moment_has_that_of_its_record() -> None:
    step = a_step()
    step.accept(record(a_correction(7, "0.4", CALL, at=None), 5))
    assert {charge.corrected_at for charge in charges(step)} == {NOW}


def test_corrections_are_forgotten_long_after_their_call() -> None:
    table, clock = MemoryTable(), FixedClock(NOW)
    step = a_step(table, clock)
    call = a_call_costed(started_at=NOW, cost_usd="1", budgets=REFS)
    step.accept(record(a_correction(7, "0.4", call), 5))
    for days, left in ((KEEP_DAYS, 1), (1, 0)):
        clock.advance(days * timedelta(days=1).total_seconds())
        step.take()
        assert len(table.entries) == left


def test_a_balance_named_twice_is_corrected_once() -> None:
    call = a_call_costed(budgets=(REFS[0], REFS[0]))
    found = corrections_for(a_correction(7, "2", call), Decimal(1), SourcePosition(0, 0), NOW)
    assert [charge.budget_id for charge in found] == ["daily"]


def test_a_higher_version_that_comes_again_from_before_the_last_is_no_news() -> None:
    history = (Applied(9, 5, Decimal(2)),)
    assert change_of(a_correction(6, "3", CALL), 4, history) is None
    assert change_of(a_correction(6, "3", CALL), 10, history) == Change(
        (*history, Applied(10, 6, Decimal(3))), Decimal(1)
    )
