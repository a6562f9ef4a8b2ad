"""The rollup on a real engine, and what reconciliation says when somebody tampers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingest.events.calls import Outcome
from ingest.events.costs import CallCosted, CostCorrected
from ingest.usage import TokenUsage
from tests.builders import AT, a_call_costed, corrected
from tests.fixtures.warehouse import spend_of_calls, spend_of_rollup
from warehouse.cells import Cell, cell_of
from warehouse.client import Client
from warehouse.reconciliation import SETTLED_S, reconcile
from warehouse.rollup import Rollup
from warehouse.rows import CALLS, call_row, micros

pytestmark = pytest.mark.integration

HOUR = AT.replace(minute=0, second=0, microsecond=0)
AWKWARD = ["", "it's", "back\\slash", "a,b)]", "{x}", "tab\tline\n", "né 🙂", "'); DROP TABLE calls_raw; --"]


def store(client: Client, *events: CallCosted | CostCorrected) -> set[Cell]:
    rows = [call_row(event, 0, offset) for offset, event in enumerate(events)]
    columns: list[Any] = list(zip(*rows, strict=True))
    client.insert(CALLS, columns)
    return {cell_of(e.finished.call.who.team, micros("", e.finished.call.started_at)) for e in events}


def rolled(client: Client, columns: str) -> list[tuple[Any, ...]]:
    return client.rows(f"SELECT {columns} FROM spend_hourly ORDER BY team, hour, provider, model, outcome")


def differences(client: Client) -> list[tuple[str, datetime]]:
    return [(d.team, d.hour) for d in Rollup(client).verify(AT - timedelta(days=99), AT + timedelta(days=99))]


def test_every_measure_is_the_sum_over_the_calls_of_its_group(warehouse: Client) -> None:
    usage = TokenUsage(100, 50, 20, 10, 5, 30, 3, 2)
    cells = store(
        warehouse,
        a_call_costed(cost_usd="1", latency_ms=10, usage=usage),
        a_call_costed(cost_usd="2.000000000001", latency_ms=20, usage=usage, is_estimated=True),
        a_call_costed(cost_usd="0", is_priced=False, attempt=2),
        a_call_costed(outcome=Outcome.REFUSED, usage=None, cost_usd="0"),
        a_call_costed(started_at=AT + timedelta(hours=1), cost_usd="4"),
    )
    Rollup(warehouse).recompute(cells)
    names = "hour, outcome, calls, input_tokens, cache_read_tokens, cache_write_tokens, audio_input_tokens,"
    names += "output_tokens, reasoning_tokens, audio_output_tokens, cost_usd, unpriced_calls, estimated_calls, latency_ms_sum,"
    names += "logical_calls"
    later = HOUR + timedelta(hours=1)
    assert rolled(warehouse, names) == [
        (HOUR, "ok", 3, 1200, 100, 40, 10, 360, 6, 4, Decimal("3.000000000001"), 1, 1, 842, 2),
        (HOUR, "refused", 1, 0, 0, 0, 0, 0, 0, 0, Decimal(0), 0, 0, 812, 1),
        (later, "ok", 1, 1000, 0, 0, 0, 300, 0, 0, Decimal(4), 0, 0, 812, 1),
    ]
    assert differences(warehouse) == []


def test_recomputing_again_changes_nothing(warehouse: Client) -> None:
    cells = store(warehouse, *[a_call_costed(cost_usd="0.000000000001") for _ in range(10)])
    for _ in range(3):
        Rollup(warehouse).recompute(cells)
        assert rolled(warehouse, "calls, cost_usd") == [(10, Decimal("0.00000000001"))]


def test_a_call_that_moves_to_another_group_leaves_nothing_behind(warehouse: Client) -> None:
    call = a_call_costed(cost_usd="1")
    cells = store(warehouse, call)
    Rollup(warehouse).recompute(cells)
    moved = corrected(call, cost_usd="3")
    moved = msgspec.structs.replace(
        moved, finished=msgspec.structs.replace(moved.finished, response_model="other")
    )
    store(warehouse, moved)
    assert differences(warehouse) == [("search", HOUR)]
    Rollup(warehouse).recompute(cells)
    assert rolled(warehouse, "model, calls, cost_usd") == [("other", 1, Decimal(3))]
    assert differences(warehouse) == []


def test_a_new_sum_holds_although_the_servers_clock_was_set_back(warehouse: Client) -> None:
    call = a_call_costed(cost_usd="1")
    cells = store(warehouse, call)
    Rollup(warehouse).recompute(cells)
    # As if the row had been computed by a clock that ran an hour ahead.
    warehouse.execute(
        "INSERT INTO spend_by_team_hour SELECT * REPLACE (computed_at + toIntervalHour(1) AS computed_at)"
        " FROM spend_by_team_hour"
    )
    store(warehouse, corrected(call, cost_usd="5"))
    Rollup(warehouse).recompute(cells)
    assert rolled(warehouse, "cost_usd") == [(Decimal(5),)]


def test_any_name_of_a_team_works(warehouse: Client) -> None:
    cells = store(warehouse, *[a_call_costed(team=team, cost_usd="1") for team in AWKWARD])
    Rollup(warehouse).recompute(cells)
    assert sorted(rolled(warehouse, "team, cost_usd")) == sorted((team, Decimal(1)) for team in AWKWARD)
    assert differences(warehouse) == []


def test_many_cells_over_many_months_are_recomputed(warehouse: Client) -> None:
    calls = [
        a_call_costed(team=f"team-{n % 5}", started_at=AT - timedelta(hours=n * 7), cost_usd="1")
        for n in range(350)
    ]
    for call in calls:
        assert call.cost.cost_usd == 1
    by_month: dict[str, list[CallCosted]] = {}
    for call in calls:
        by_month.setdefault(f"{call.finished.call.started_at:%Y%m}", []).append(call)
    cells = set().union(*(store(warehouse, *of_month) for of_month in by_month.values()))
    Rollup(warehouse).recompute(cells)
    assert spend_of_rollup(warehouse) == spend_of_calls(warehouse) == (350, Decimal(350))
    assert Rollup(warehouse).verify(AT - timedelta(days=400), AT + timedelta(days=1)) == []


@pytest.mark.parametrize(
    "column", ["calls", "output_tokens", "list_cost_usd", "latency_ms_sum", "unpriced_calls"]
)
def test_a_difference_in_any_measure_is_found(warehouse: Client, column: str) -> None:
    cells = store(warehouse, a_call_costed(), a_call_costed(team="other"))
    Rollup(warehouse).recompute(cells)
    warehouse.execute(
        f"INSERT INTO spend_by_team_hour SELECT * REPLACE ({column} + 1 AS {column},"
        " computed_at + toIntervalSecond(1) AS computed_at) FROM spend_by_team_hour WHERE team = 'search'"
    )
    assert differences(warehouse) == [("search", HOUR)]


def test_two_errors_that_cancel_out_are_found(warehouse: Client) -> None:
    cells = store(warehouse, a_call_costed(model="a", cost_usd="1"), a_call_costed(model="b", cost_usd="2"))
    Rollup(warehouse).recompute(cells)
    warehouse.execute(
        "INSERT INTO spend_by_team_hour SELECT * REPLACE (3 - cost_usd AS cost_usd,"
        " computed_at + toIntervalSecond(1) AS computed_at) FROM spend_by_team_hour"
    )
    assert spend_of_rollup(warehouse) == spend_of_calls(warehouse)
    assert differences(warehouse) == [("search", HOUR)]


def test_reconciling_tells_moving_hours_from_wrong_ones(warehouse: Client) -> None:
    store(warehouse, a_call_costed(cost_usd="1"))
    now = datetime.now(UTC)
    moving = reconcile(warehouse)
    assert (len(moving.moving), moving.agrees) == (1, True)
    wrong = reconcile(warehouse, now + timedelta(seconds=SETTLED_S + 1))
    assert [(d.team, d.calls, d.rolled_calls) for d in wrong.differences] == [("search", 1, 0)]
    assert not wrong.agrees
    Rollup(warehouse).recompute({wrong.differences[0].cell})
    assert reconcile(warehouse, now + timedelta(seconds=SETTLED_S + 1)).agrees


def test_a_call_that_stands_in_two_places_is_found(warehouse: Client) -> None:
    call = a_call_costed(call_id="twice")
    cells = store(warehouse, call, a_call_costed(call_id="twice", team="other"))
    Rollup(warehouse).recompute(cells)
    (doubled,) = reconcile(warehouse).doubled
    assert doubled.call_id == "twice"
    assert sorted(doubled.places) == ["other, 2026-11-24 12:00:00", "search, 2026-11-24 12:00:00"]


@pytest.mark.parametrize("started_at", ["1970-01-01 00:00:00", "2105-12-31 23:00:00"])
def test_a_row_of_somebody_else_is_found_however_early_or_late(warehouse: Client, started_at: str) -> None:
    warehouse.execute(
        f"INSERT INTO calls_raw (call_id, team, started_at) VALUES ('x', 'search', '{started_at}')"
    )
    found = reconcile(warehouse, datetime.now(UTC) + timedelta(seconds=SETTLED_S + 60))
    assert (found.calls.calls, found.rollup.calls) == (1, 0)
    assert not found.agrees
