from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ingest.codec import Event, encode_event
from ingest.events.charges import ChargeCorrected, ChargeSettled, SourcePosition
from ingest.log import Record
from tests.builders import AT
from tests.unit.warehouse.fakes import RememberingClient
from warehouse.balances.charges import (
    ChargeTotals,
    WrongCharge,
    compare_charges,
    read_charges,
    render as render_charges,
)
from warehouse.balances.checking import Balance, Named, Spent, Standing, as_json, judge, render

WINDOW = "0/2026-11-01T00:00:00Z"
LONG_AGO, JUST_NOW = AT - timedelta(hours=1), AT + timedelta(seconds=1)


def state(
    spent: str, *, is_newest: bool = True, stored_at: datetime = LONG_AGO, status: str = "open"
) -> Spent:
    return Spent(Decimal(spent), status, LONG_AGO, stored_at, is_newest)


def calls(cost: str, *, recent: str = "0", corrected: int = 0, stored_at: datetime = LONG_AGO) -> Named:
    return Named(3, Decimal(cost), Decimal(recent), corrected, stored_at)


@pytest.mark.parametrize(
    ("spent", "named", "standing"),
    [
        (state("1.000000000001"), calls("1.000000000001"), Standing.AGREES),
        (state("1"), calls("1.000000000001"), Standing.DIFFERS),
        (state("1"), calls("0.9"), Standing.DIFFERS),
        (state("0"), None, Standing.AGREES),
        (None, calls("0"), Standing.AGREES),
        # Calls stored just now may not be charged yet; those of an hour ago must be.
        (state("1"), calls("1.5", recent="0.5", stored_at=JUST_NOW), Standing.MOVING),
        (state("1"), calls("1.5", recent="0.4", stored_at=JUST_NOW), Standing.DIFFERS),
        # A state that is ahead of its calls, while these are being stored.
        (state("1", stored_at=JUST_NOW), calls("0.5"), Standing.MOVING),
        (state("1"), calls("2", corrected=1, stored_at=JUST_NOW), Standing.MOVING),
        # A window that is over gets no more states.
        (state("1", is_newest=False), calls("1.5", recent="0.5"), Standing.LATE),
        (state("1", is_newest=False), calls("0.5", corrected=2), Standing.LATE),
        (state("1", is_newest=False), calls("1.5", recent="0.1"), Standing.DIFFERS),
        (state("1", is_newest=False), calls("0.5"), Standing.DIFFERS),
        (state("1", status="deleted"), calls("1.5", recent="0.5"), Standing.LATE),
        (None, calls("1", recent="1"), Standing.LATE),
    ],
)
def test_how_a_balance_stands_to_its_calls(
    spent: Spent | None, named: Named | None, standing: Standing
) -> None:
    assert Balance("b", WINDOW, spent, named).standing(AT, is_loading=False) is standing


def test_a_budget_that_was_never_heard_of_is_no_window_that_is_over() -> None:
    unheard = Balance("b", WINDOW, None, calls("1", recent="1"), has_states=False)
    assert unheard.standing(AT, is_loading=False) is Standing.DIFFERS


def test_what_waits_to_be_stored_is_no_difference() -> None:
    behind = Balance("b", WINDOW, state("1"), calls("0.5"))
    assert behind.standing(AT, is_loading=True) is Standing.MOVING


def test_differences_are_told_with_both_sides_and_unknown_budgets_are_left_out() -> None:
    balances = [
        Balance("a", WINDOW, state("1"), calls("1")),
        Balance("b", WINDOW, state("1"), calls("1.25")),
        Balance("old", WINDOW, state("1"), calls("7")),
    ]
    found = judge(balances, AT, is_loading=False, unnamed=4, unknown=["old"])
    lines = render(found)
    assert lines[0].split() == ["balances", "2", "2.000000000000"]
    assert lines[1] == "1 agree with their calls to the last place, 1 differ"
    assert lines[2] == (
        f"DIFFERS  budget b, window {WINDOW}: 3 calls cost $1.250000000000, spent $1.000000000000, +0.250000000000"
    )
    assert "4 calls were stored by a version that did not record windows; not compared: old" in lines[3]
    assert not found.agrees
    assert as_json(found)[1]["difference_usd"] == "0.250000000000"


def charge(call: str, amount: str, offset: int, window: str = WINDOW) -> ChargeSettled:
    return ChargeSettled("b", window, call, Decimal(amount), SourcePosition(0, offset), AT)


def correction(call: str, delta: str, offset: int) -> ChargeCorrected:
    return ChargeCorrected("b", WINDOW, call, Decimal(delta), SourcePosition(0, offset), AT)


def totals_of(*events: Event | bytes, first_offset: int = 0, at: datetime = AT) -> ChargeTotals:
    records = [
        Record(
            "budget.charges",
            0,
            first_offset + n,
            b"b",
            e if isinstance(e, bytes) else encode_event(e, id="i", source="s", time=AT),
            int(at.timestamp() * 1000),
        )
        for n, e in enumerate(events)
    ]

    async def stream() -> AsyncIterator[Record]:
        for record in records:
            yield record

    return asyncio.run(read_charges(stream()))


def test_a_charge_counts_once_however_often_it_is_told_and_corrections_have_places_of_their_own() -> None:
    totals = totals_of(
        charge("1", "0.5", 3), charge("2", "1", 4), b"junk", charge("1", "0.5", 3), correction("1", "-0.2", 3)
    )
    assert totals.by_call(("b", WINDOW)) == {"1": Decimal("0.3"), "2": Decimal(1)}
    assert totals.skipped == []


def test_a_charge_behind_a_later_one_is_one_that_the_ledger_has_passed_over() -> None:
    totals = totals_of(charge("1", "0.5", 4), charge("2", "1", 3))
    assert [told for _, told in totals.skipped] == ["a charge of $1 for call 2 (budget.charges/0/1)"]


Row = tuple[str, Decimal, datetime]


def compared(
    totals: ChargeTotals, rows: Sequence[Row], *, is_loading: bool = False
) -> tuple[list[WrongCharge], int]:
    whole = sum((cost for _, cost, _ in rows), Decimal(0))
    client = RememberingClient([("b", WINDOW, whole)], list(rows))
    found = compare_charges(client, totals, {}, AT, is_loading=is_loading)
    return list(found.wrong), found.moving


def test_every_call_is_charged_what_it_costs_or_is_named() -> None:
    totals = totals_of(charge("1", "0.5", 1), charge("2", "1", 2), charge("3", "2", 3))
    right = [("1", Decimal("0.5"), LONG_AGO), ("2", Decimal(1), LONG_AGO), ("3", Decimal(2), LONG_AGO)]
    assert compared(totals, right) == ([], 0)
    wrong, moving = compared(
        totals, [("1", Decimal("0.6"), LONG_AGO), ("2", Decimal(1), LONG_AGO), ("4", Decimal(9), JUST_NOW)]
    )
    assert wrong == [
        WrongCharge(("b", WINDOW), "1", Decimal("0.5"), Decimal("0.6")),
        WrongCharge(("b", WINDOW), "3", Decimal(2), None),
    ]
    assert moving == 1
    assert wrong[1].describe() == (
        f"budget b, window {WINDOW}: call 3 is not in the warehouse, charged $2.000000000000"
    )
    # With calls still to be stored, one that is charged and not stored is on the way.
    assert compared(totals, right[:2], is_loading=True) == ([], 1)


def test_windows_that_began_before_the_log_are_not_compared() -> None:
    totals = totals_of(charge("1", "0.5", 9), first_offset=5, at=datetime(2026, 11, 2, tzinfo=UTC))
    assert not totals.is_whole(("b", WINDOW))
    assert totals.is_whole(("b", "0/2026-11-03T00:00:00Z"))
    client = RememberingClient([("b", WINDOW, Decimal(7))])
    found = compare_charges(client, totals, {("b", WINDOW): Decimal(99)}, AT, is_loading=False)
    assert (found.balances, found.beyond, found.agrees) == (0, 1, True)
    assert render_charges(found)[-1] == "every call is charged what it costs"


@pytest.mark.parametrize(
    ("spent", "is_sum"),
    [("0", True), ("0.5", True), ("1.5", True), ("1.3", True), ("1", False), ("2", False)],
)
def test_a_state_is_the_sum_of_its_first_charges_whenever_it_was_published(spent: str, is_sum: bool) -> None:
    totals = totals_of(
        charge("1", "0.5", 3), charge("2", "1", 4), charge("1", "0.5", 3), correction("1", "-0.2", 3)
    )
    client = RememberingClient([("b", WINDOW, Decimal("1.3"))])
    found = compare_charges(client, totals, {("b", WINDOW): Decimal(spent)}, AT, is_loading=False)
    assert (found.states, found.agrees) == (1, is_sum)
    if not is_sum:
        assert f"its newest state says ${Decimal(spent):.12f}, which is not the sum" in found.findings[0]


def test_what_the_ledger_has_passed_over_is_in_no_state() -> None:
    totals = totals_of(charge("1", "0.5", 4), charge("2", "1", 3), charge("3", "2", 5))
    assert totals.is_sum(("b", WINDOW), Decimal("2.5"))
    assert not totals.is_sum(("b", WINDOW), Decimal("1.5"))


def test_windows_that_began_on_another_log_are_not_compared() -> None:
    """Kafka was made anew beside a warehouse that stayed: its beginning is the beginning of nothing else."""
    totals = totals_of(charge("1", "0.5", 9), at=datetime(2026, 11, 2, tzinfo=UTC))
    assert totals.is_whole(("b", WINDOW))
    totals.follows_another_log(AT)
    assert not totals.is_whole(("b", WINDOW))
    empty = totals_of()
    empty.follows_another_log(AT)
    assert not empty.is_whole(("b", WINDOW))
