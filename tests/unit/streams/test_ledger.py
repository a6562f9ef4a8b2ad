from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ingest.errors import InvalidInput
from ingest.events.charges import BudgetCharge, BudgetRevised, ChargeCorrected, ChargeSettled, SourcePosition
from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.budgets import Budget
from streams.budgets.balance import EMPTY
from streams.budgets.ledger import KEEP_BALANCES, TURN_MARGIN, BalanceKey, Ledger
from streams.budgets.periods import window_named
from tests.builders import a_budget

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY, TOMORROW = "0/2026-11-24T00:00:00Z", "0/2026-11-25T00:00:00Z"
DAILY = a_budget(name="daily", window="day", limit_usd=Decimal(10), created_at=NOW)


def charge(
    amount: str, offset: int = 0, *, window: str = TODAY, partition: int = 0, at: datetime = NOW
) -> ChargeSettled:
    return ChargeSettled(
        "daily", window, f"call-{partition}-{offset}", Decimal(amount), SourcePosition(partition, offset), at
    )


def correction(
    delta: str, offset: int = 0, *, window: str = TODAY, partition: int = 0, at: datetime = NOW
) -> ChargeCorrected:
    return ChargeCorrected(
        "daily", window, f"call-{offset}", Decimal(delta), SourcePosition(partition, offset), at
    )


def defined(budget: Budget = DAILY, at: datetime = NOW) -> BudgetRevised:
    return BudgetRevised(budget, at)


def changed(**changes: object) -> Budget:
    return msgspec.structs.replace(DAILY, **changes)


def folded(*events: BudgetCharge) -> Ledger:
    ledger = Ledger()
    for event in events:
        ledger.apply(event)
    return ledger


def state(ledger: Ledger, at: datetime = NOW) -> BudgetStateChanged:
    (only,) = ledger.take_states(at)
    return only


def spent(ledger: Ledger, window: str = TODAY) -> Decimal:
    return ledger.balance(BalanceKey("daily", window)).spent_usd


def test_a_charge_is_applied_once() -> None:
    once = EMPTY.apply(charge("1", 5))
    assert once.apply(charge("1", 5)) is once
    assert once.apply(charge("1", 4)) is once
    assert once.apply(charge("1", 6)).spent_usd == 2


def test_partitions_of_the_source_have_marks_of_their_own() -> None:
    both = EMPTY.apply(charge("1", 5)).apply(charge("2", 3, partition=1))
    assert both.spent_usd == 3
    assert both.applied == {0: 5, 1: 3}


def test_corrections_have_marks_apart_from_those_of_charges() -> None:
    balance = EMPTY.apply(charge("5", 7)).apply(correction("-1", 3)).apply(correction("0.5", 2, partition=1))
    assert balance.spent_usd == Decimal("4.5")
    assert (balance.applied, balance.corrected) == ({0: 7}, {0: 3, 1: 2})
    for again in (charge("5", 7), correction("-1", 3), correction("0.5", 2, partition=1)):
        assert balance.apply(again) is balance
    assert balance.apply(correction("-1", 4)).spent_usd == Decimal("3.5")
    assert balance.apply(charge("1", 8)).corrected == balance.corrected


def test_a_correction_unblocks_and_says_which_call_it_was() -> None:
    ledger = folded(defined(), charge("10", 0))
    assert state(ledger).status is BudgetStatus.BLOCKED
    ledger.apply(correction("-6", 0))
    found = state(ledger)
    assert (found.status, found.spent_usd, found.warned_at) == (BudgetStatus.OPEN, Decimal(4), ())
    assert (found.call_id, found.call_finished_at) == ("call-0", None)
    ledger.apply(correction("6.5", 1))
    assert (state(ledger).status, state(ledger_again(ledger)).overshoot_usd) == (
        BudgetStatus.BLOCKED,
        Decimal("0.5"),
    )


def ledger_again(ledger: Ledger) -> Ledger:
    """As after a restart from what was stored."""
    changes = ledger.take_changes()
    balances = [(key, balance) for key, balance in changes.balances.items() if balance is not None]
    return Ledger(balances, changes.standings.items())


def test_a_correction_of_a_past_window_is_counted_there_in_silence() -> None:
    ledger = folded(defined(), charge("3", 0), charge("1", 1, window=TOMORROW))
    ledger.take_states(NOW)
    ledger.apply(correction("-2", 0))
    assert ledger.take_states(NOW) == []
    assert (spent(ledger), spent(ledger, TOMORROW)) == (Decimal(1), Decimal(1))


def test_a_balance_that_was_corrected_is_kept_as_long_as_the_correction_may_come_again() -> None:
    ledger = folded(defined(), charge("3", 0), charge("1", 1, window=TOMORROW))
    late = NOW + KEEP_BALANCES
    ledger.apply(correction("-2", 0, at=late))
    ledger.forget(late + KEEP_BALANCES - DAY)
    assert spent(ledger) == 1
    ledger.forget(late + KEEP_BALANCES + DAY)
    assert spent(ledger) == 0


def test_a_balance_remembers_its_newest_call() -> None:
    balance = EMPTY.apply(charge("1", 0, at=NOW)).apply(charge("1", 1, at=NOW - DAY))
    assert balance.last_charge_at == NOW


def test_twelve_places_are_kept() -> None:
    ledger = folded(*(charge("0.000000000001", n) for n in range(1000)))
    assert spent(ledger) == Decimal("0.000000001")


@pytest.mark.parametrize(
    ("amount", "status", "crossed", "overshoot"),
    [
        ("4.999999999999", BudgetStatus.OPEN, [], "0"),
        ("5", BudgetStatus.WARNED, ["0.5"], "0"),
        ("9.999999999999", BudgetStatus.WARNED, ["0.5", "0.8"], "0"),
        ("10", BudgetStatus.BLOCKED, ["0.5", "0.8", "1.0"], "0"),
        ("10.25", BudgetStatus.BLOCKED, ["0.5", "0.8", "1.0"], "0.25"),
    ],
)
def test_a_balance_opens_warns_and_blocks_at_its_lines(
    amount: str, status: BudgetStatus, crossed: list[str], overshoot: str
) -> None:
    found = state(folded(defined(), charge(amount)))
    assert found.status is status
    assert list(found.warned_at) == [Decimal(share) for share in crossed]
    assert found.overshoot_usd == Decimal(overshoot)
    assert found.until == datetime(2026, 11, 25, tzinfo=UTC)
    assert found.reserved_usd == 0


def test_a_limit_of_nothing_blocks_from_the_start() -> None:
    assert state(folded(defined(changed(limit_usd=Decimal(0))))).status is BudgetStatus.BLOCKED


def test_charges_that_come_before_the_definition_count() -> None:
    ledger = folded(charge("3", 0), charge("4", 1))
    assert ledger.take_states(NOW) == []
    ledger.apply(defined())
    assert state(ledger).spent_usd == 7


def test_a_later_window_begins_anew() -> None:
    ledger = folded(defined(), charge("10", 0), charge("1", 1, window=TOMORROW))
    found = state(ledger)
    assert (found.window, found.spent_usd, found.status) == (TOMORROW, Decimal(1), BudgetStatus.OPEN)


def test_a_late_charge_goes_to_its_own_window_and_says_nothing() -> None:
    ledger = folded(defined(), charge("1", 1, window=TOMORROW))
    ledger.take_states(NOW)
    ledger.apply(charge("3", 2, window=TODAY))
    assert ledger.take_states(NOW) == []
    assert (spent(ledger, TODAY), spent(ledger, TOMORROW)) == (Decimal(3), Decimal(1))


def test_a_reset_is_a_new_balance() -> None:
    ledger = folded(defined(), charge("10", 0), defined(changed(epoch=1)))
    found = state(ledger)
    assert (found.spent_usd, found.window) == (Decimal(0), "1/2026-11-24T00:00:00Z")
    assert spent(ledger) == 10


def test_charges_after_a_reset_that_the_ledger_has_not_heard_of_wait_for_it() -> None:
    window = "1/2026-11-24T00:00:00Z"
    ledger = folded(defined(), charge("2", 0), charge("3", 1, window=window))
    assert state(ledger).spent_usd == 2
    ledger.apply(defined(changed(epoch=1)))
    assert (state(ledger).spent_usd, ledger.balance(BalanceKey("daily", window)).spent_usd) == (
        Decimal(3),
        Decimal(3),
    )


def test_a_raised_limit_opens_and_a_lowered_one_blocks() -> None:
    ledger = folded(defined(), charge("10"), defined(changed(limit_usd=Decimal(30))))
    assert state(ledger).status is BudgetStatus.OPEN
    ledger.apply(defined(changed(limit_usd=Decimal(3))))
    found = state(ledger)
    assert (found.status, found.overshoot_usd) == (BudgetStatus.BLOCKED, Decimal(7))


def test_another_period_starts_with_its_own_balance() -> None:
    monthly = changed(window="month")
    ledger = folded(defined(), charge("10", 0), defined(monthly))
    found = state(ledger)
    assert (found.window, found.spent_usd) == ("0/2026-11-01T00:00:00Z", Decimal(0))
    ledger.apply(charge("1", 1, window=TOMORROW))
    assert ledger.take_states(NOW) == []


def test_a_deleted_budget_says_so_once_and_then_nothing() -> None:
    ledger = folded(defined(), charge("1", 0), BudgetRevised(DAILY, NOW, is_deleted=True))
    assert state(ledger).status is BudgetStatus.DELETED
    ledger.apply(charge("1", 1))
    ledger.turn(NOW + 2 * DAY)
    assert ledger.take_states(NOW) == []
    assert spent(ledger) == 2


def test_a_repeat_is_published_again_since_its_first_state_may_be_lost() -> None:
    ledger = folded(defined(), charge("1"))
    first = state(ledger)
    ledger.apply(charge("1"))
    assert state(ledger) == first


def test_a_repeat_is_stored_again_since_its_first_entry_may_be_lost() -> None:
    ledger = folded(defined(), charge("1"))
    first = ledger.take_changes()
    assert ledger.take_changes() == ({}, {})
    ledger.apply(charge("1"))
    ledger.apply(defined())
    assert ledger.take_changes() == first


def test_a_restored_ledger_announces_its_budgets() -> None:
    changes = folded(defined(), charge("6")).take_changes()
    balances = [(key, balance) for key, balance in changes.balances.items() if balance is not None]
    again = Ledger(balances, changes.standings.items())
    assert state(again).spent_usd == 6
    assert again.take_states(NOW) == []


def test_the_call_that_crossed_a_line_is_the_cause() -> None:
    ledger = folded(defined(), charge("1", 0), charge("4", 1), charge("1", 2))
    assert state(ledger).call_id == "call-0-1"
    ledger.apply(charge("0.5", 3))
    ledger.apply(charge("0.5", 4))
    assert state(ledger).call_id == "call-0-4"


def test_of_two_calls_that_crossed_lines_the_later_one_is_the_cause() -> None:
    """The first led to a warning that nobody was told of; the state says that the budget is blocked."""
    ledger = folded(defined(), charge("6", 0), charge("5", 1), charge("1", 2))
    found = state(ledger)
    assert (found.status, found.call_id) == (BudgetStatus.BLOCKED, "call-0-1")


def test_time_moves_a_budget_on() -> None:
    ledger = folded(defined(), charge("10"))
    ledger.take_states(NOW)
    end = datetime(2026, 11, 25, tzinfo=UTC)
    ledger.turn(end + TURN_MARGIN - timedelta(microseconds=1))
    assert ledger.take_states(NOW) == []
    ledger.turn(end + TURN_MARGIN)
    found = state(ledger)
    assert (found.window, found.spent_usd, found.status) == (TOMORROW, Decimal(0), BudgetStatus.OPEN)
    ledger.turn(end + TURN_MARGIN)
    assert ledger.take_states(NOW) == []


def test_a_budget_without_an_end_is_never_moved_on() -> None:
    ledger = folded(defined(changed(window="total")))
    ledger.take_states(NOW)
    ledger.turn(NOW + 10000 * DAY)
    assert ledger.take_states(NOW) == []


def test_past_balances_are_forgotten_and_the_present_one_is_not() -> None:
    ledger = folded(defined(), charge("1", 0), charge("1", 1, window=TOMORROW, at=NOW + DAY))
    ledger.take_changes()
    ledger.forget(NOW + KEEP_BALANCES)
    assert ledger.take_changes().balances == {}
    ledger.forget(NOW + 2 * DAY + KEEP_BALANCES)
    assert ledger.take_changes().balances == {BalanceKey("daily", TODAY): None}
    assert (spent(ledger, TODAY), spent(ledger, TOMORROW)) == (Decimal(0), Decimal(1))


def test_a_window_that_is_not_understood_changes_nothing() -> None:
    ledger = folded(defined())
    with pytest.raises(InvalidInput, match="fortnight"):
        ledger.apply(defined(changed(window="fortnight")))
    standing = ledger.standing("daily")
    assert standing is not None
    assert standing.budget == DAILY


@pytest.mark.parametrize(
    "name",
    [
        "",
        "0",
        "0/",
        "x/2026-11-24T00:00:00Z",
        "1/2026-11-24T00:00:00Z",
        "0/2026-11-24T01:00:00Z",
        "0/9999-12-31T23:59:59Z",
    ],
)
def test_a_name_of_no_window_of_the_budget_is_none(name: str) -> None:
    assert window_named(DAILY, name) is None
