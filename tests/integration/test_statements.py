"""Statements on a real engine: equal to the calls at every moment, and closed months stay as they were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ingest.events.costs import CallCosted, CostCorrected
from tests.builders import a_call_costed, corrected
from warehouse.client import Client
from warehouse.destinations import Calls
from warehouse.rows import Row, call_row
from warehouse.versions import VERSIONS, Versions, closing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

OCTOBER, NOVEMBER, DECEMBER = date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)
MADE = datetime(2026, 10, 20, 12, tzinfo=UTC)
CLOSED = closing(2026, 10)
SECOND = timedelta(seconds=1)
OFFSETS = iter(range(1_000_000))


def logged(event: CallCosted | CostCorrected, at: datetime) -> Row:
    return call_row(event, 0, next(OFFSETS), int(at.timestamp() * 1000))


def load(client: Client, *rows: Row) -> None:
    calls = Calls(client)
    calls.insert(rows, f"token-{next(OFFSETS)}")
    calls.settle()


def statements(
    client: Client, columns: str = "month, charge_class, cost_usd, calls"
) -> list[tuple[Any, ...]]:
    return client.rows(
        f"SELECT {columns} FROM statements ORDER BY month, charge_class DESC, model, call_month"
    )


def sums(client: Client) -> tuple[Any, Any]:
    """What the calls sum to, and the statements."""
    return (
        client.rows("SELECT sum(cost_usd), toInt64(count()) FROM calls"),
        client.rows("SELECT sum(cost_usd), sum(calls) FROM statements"),
    )


def usage_of(client: Client, month: date) -> list[tuple[Any, ...]]:
    return client.rows(
        f"SELECT team, provider, model, cost_usd, calls FROM statements WHERE month = '{month}'"
        " AND charge_class = 'usage' ORDER BY ALL"
    )


def a_call(cost: str, started_at: datetime = MADE, **changes: object) -> CallCosted:
    return a_call_costed(cost_usd=cost, started_at=started_at, **changes)


def test_a_month_is_closed_from_the_fifth_of_the_next() -> None:
    assert closing(2026, 10) == datetime(2026, 11, 5, tzinfo=UTC)
    assert closing(2026, 12) == datetime(2027, 1, 5, tzinfo=UTC)


def test_a_correction_of_an_open_month_changes_the_month_itself(warehouse: Client) -> None:
    call = a_call("1")
    load(warehouse, logged(call, MADE))
    load(warehouse, logged(corrected(call, 9, cost_usd="0.25"), CLOSED - SECOND))
    assert statements(warehouse) == [(OCTOBER, "usage", Decimal("0.25"), 1)]
    ((delta, is_closed, month),) = warehouse.rows("SELECT delta_usd, is_closed, month FROM cost_corrections")
    assert (delta, is_closed, month) == (Decimal("-0.75"), False, OCTOBER)


def test_a_correction_of_a_closed_month_stands_in_the_month_in_which_it_came(warehouse: Client) -> None:
    call = a_call("1")
    load(warehouse, logged(call, MADE))
    load(warehouse, logged(corrected(call, 9, "price was wrong", cost_usd="0.25"), CLOSED))
    load(warehouse, logged(corrected(call, 12, cost_usd="0.5"), datetime(2026, 12, 31, tzinfo=UTC)))
    assert statements(warehouse, "month, charge_class, cost_usd, calls, call_month") == [
        (OCTOBER, "usage", Decimal(1), 1, OCTOBER),
        (NOVEMBER, "correction", Decimal("-0.75"), 0, OCTOBER),
        (DECEMBER, "correction", Decimal("0.25"), 0, OCTOBER),
    ]
    assert warehouse.rows(
        "SELECT previous_version, version, previous_cost_usd, cost_usd, delta_usd, reason, is_closed, month, call_month"
        " FROM cost_corrections ORDER BY version"
    ) == [
        (1, 9, Decimal(1), Decimal("0.25"), Decimal("-0.75"), "price was wrong", True, NOVEMBER, OCTOBER),
        (9, 12, Decimal("0.25"), Decimal("0.5"), Decimal("0.25"), "price corrected", True, DECEMBER, OCTOBER),
    ]


def test_a_correction_that_lost_counts_for_nothing(warehouse: Client) -> None:
    call = a_call("1")
    load(warehouse, logged(call, MADE))
    load(
        warehouse,
        logged(corrected(call, 12, cost_usd="3"), CLOSED),
        logged(corrected(call, 9, cost_usd="7"), CLOSED + SECOND),
    )
    assert statements(warehouse) == [
        (OCTOBER, "usage", Decimal(1), 1),
        (NOVEMBER, "correction", Decimal(2), 0),
    ]
    assert warehouse.rows("SELECT version, delta_usd FROM cost_corrections") == [(12, Decimal(2))]


def test_a_call_that_comes_after_its_month_was_closed_is_a_correction(warehouse: Client) -> None:
    load(warehouse, logged(a_call("1"), CLOSED - SECOND), logged(a_call("4"), CLOSED))
    assert statements(warehouse) == [
        (OCTOBER, "usage", Decimal(1), 1),
        (NOVEMBER, "correction", Decimal(4), 1),
    ]
    assert warehouse.rows("SELECT count() FROM cost_corrections") == [(0,)]


def test_a_repeat_of_a_call_after_its_month_was_closed_changes_nothing(warehouse: Client) -> None:
    call = a_call("1")
    load(warehouse, logged(call, MADE))
    before = statements(warehouse)
    load(warehouse, logged(call, CLOSED + SECOND))
    warehouse.execute("OPTIMIZE TABLE calls_raw FINAL")
    assert statements(warehouse) == before == [(OCTOBER, "usage", Decimal(1), 1)]


def test_a_correction_that_moves_a_call_to_another_model_takes_it_from_the_first(warehouse: Client) -> None:
    call = a_call("1", response_model="estimated")
    real = a_call("0.4", call_id=call.finished.call.call_id, response_model="answered")
    load(warehouse, logged(call, MADE))
    load(warehouse, logged(corrected(real, 9, cost_usd="0.4"), CLOSED))
    assert statements(warehouse, "month, charge_class, model, cost_usd, calls") == [
        (OCTOBER, "usage", "estimated", Decimal(1), 1),
        (NOVEMBER, "correction", "answered", Decimal("0.4"), 1),
        (NOVEMBER, "correction", "estimated", Decimal(-1), -1),
    ]


def test_the_versions_kept_have_the_columns_that_are_written(warehouse: Client) -> None:
    found = {f"{name} {kind}" for name, kind, *_ in warehouse.rows("DESCRIBE TABLE call_versions")}
    assert found == {*(f"{name} {kind}" for name, kind in VERSIONS.columns), "precedence UInt64"}


def test_what_was_stored_before_there_were_statements_stays_usage(warehouse: Client) -> None:
    """Nobody knows when it was logged."""
    call = a_call("1")
    load(warehouse, call_row(call, 0, 0))
    load(warehouse, logged(corrected(call, 9, cost_usd="0.25"), CLOSED))
    assert statements(warehouse)[0] == (OCTOBER, "usage", Decimal(1), 1)


@dataclass(frozen=True)
class Arrival:
    """A record of `llm.costs`."""

    row: Row
    at: datetime


TIMES = sorted(
    {
        *(MADE + timedelta(days=days) for days in range(0, 90, 9)),
        *(closing(2026, month) + step for month in (10, 11, 12) for step in (-SECOND, timedelta(0))),
    }
)


@st.composite
def logs(draw: st.DrawFn) -> list[Arrival]:
    """Calls of October and November in the order of the log: each comes at some time, some twice, and is corrected in any
    order of versions, some corrections moving it to another model."""
    arrivals = []
    for number in range(draw(st.integers(1, 4))):
        started = MADE + timedelta(days=draw(st.sampled_from([0, 3, 20])), hours=number)
        call = a_call(draw(COSTS), started, team=draw(st.sampled_from(["a", "b"])), response_model="m1")
        times = [t for t in TIMES if t >= started]
        events: list[CallCosted | CostCorrected] = [call] * draw(st.integers(1, 2))
        for version in draw(st.lists(st.integers(2, 6), max_size=4, unique=True)):
            moved = msgspec.structs.replace(
                call.finished, response_model=draw(st.sampled_from(["m1", "m1", "m2"]))
            )
            event = corrected(call, version, cost_usd=draw(COSTS))
            events.append(msgspec.structs.replace(event, finished=moved))
        whens = sorted(draw(st.lists(st.sampled_from(times), min_size=len(events), max_size=len(events))))
        arrivals += [(at, event) for at, event in zip(whens, events, strict=True)]
    arrivals.sort(key=lambda one: one[0])
    return [Arrival(logged(event, at), at) for at, event in arrivals]


COSTS = st.decimals(0, 9, places=12).map(str)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=logs(), data=st.data())
def test_statements_are_the_calls_and_closed_months_are_frozen(
    warehouse: Client, log: list[Arrival], data: st.DataObject
) -> None:
    for table in ("calls_raw", "call_versions", "spend_by_team_hour"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    frozen: dict[date, list[tuple[Any, ...]]] = {}
    done = 0
    while done < len(log):
        end = data.draw(st.integers(done + 1, len(log)), label="batch up to")
        # Months close at a moment of their own: nothing of a batch that is read later may change them.
        for month in (OCTOBER, NOVEMBER):
            closes = closing(month.year, month.month)
            if done and log[done - 1].at < closes <= log[done].at:
                frozen[month] = usage_of(warehouse, month)
            elif done < end and any(a.at < closes for a in log[done:end]) and log[end - 1].at >= closes:
                end = next(n for n in range(done, end) if log[n].at >= closes)
        end = max(end, done + 1)
        rows = [arrival.row for arrival in log[done:end]]
        if data.draw(st.booleans(), label="crash between the two inserts"):
            Versions(warehouse).keep(rows)
            assert_all_agree(warehouse, frozen)
        load(warehouse, *rows)
        if data.draw(st.booleans(), label="merge"):
            warehouse.execute("OPTIMIZE TABLE calls_raw FINAL")
            warehouse.execute("OPTIMIZE TABLE call_versions FINAL")
        assert_all_agree(warehouse, frozen)
        done = (
            data.draw(st.integers(max(0, end - 2), end), label="begin again at")
            if data.draw(st.booleans(), label="crash")
            else end
        )
        while done < end and data.draw(st.booleans(), label="replay"):
            load(warehouse, log[done].row)
            assert_all_agree(warehouse, frozen)
            done += 1
        done = end
    before = statements(warehouse)
    load(warehouse, *(arrival.row for arrival in log))
    assert statements(warehouse) == before
    assert_all_agree(warehouse, frozen)
    ((deltas,),) = warehouse.rows("SELECT sum(delta_usd) FROM cost_corrections")
    ((first,),) = warehouse.rows(
        "SELECT sum(cost_usd) FROM applied_versions WHERE is_first AND call_id IN"
        " (SELECT call_id FROM cost_corrections)"
    )
    ((now,),) = warehouse.rows(
        "SELECT sum(cost_usd) FROM calls WHERE call_id IN (SELECT call_id FROM cost_corrections)"
    )
    assert first + deltas == now


def assert_all_agree(client: Client, frozen: dict[date, list[tuple[Any, ...]]]) -> None:
    calls, stated = sums(client)
    assert calls == stated
    for month, rows in frozen.items():
        assert usage_of(client, month) == rows
