"""`python -m warehouse migrate`, `reconcile`, `forget-positions`, as people type them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.builders import a_call_costed
from tests.fixtures.processes import PROJECT_ROOT, free_ports
from warehouse.cells import cell_of
from warehouse.client import Client, create_client
from warehouse.gathering import Mark
from warehouse.migrations import read_migrations
from warehouse.positions import StoredPositions
from warehouse.rollup import Rollup
from warehouse.rows import CALLS, call_row

pytestmark = pytest.mark.integration


def run(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SPENDSTREAM_")}
    return subprocess.run(
        [sys.executable, "-m", "warehouse", *words],
        cwd=PROJECT_ROOT,
        env={**kept, "SPENDSTREAM_CLICKHOUSE": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_migrating_says_what_it_did_and_then_nothing(clickhouse_database: str) -> None:
    first, again = run(clickhouse_database, "migrate"), run(clickhouse_database, "migrate")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    applied = [f"applied {m.number:03d}_{m.name}" for m in read_migrations()]
    assert first.stdout.splitlines()[:-1] == applied
    assert again.stdout.count("\n") == 1
    assert "is up to date" in again.stdout
    create_client(clickhouse_database).close()


def test_reconciling_exits_with_1_on_a_difference_and_0_without(
    warehouse: Client, clickhouse_database: str
) -> None:
    row = call_row(a_call_costed(cost_usd="1.5"), 0, 0)
    columns: list[Any] = [[value] for value in row]
    warehouse.insert(CALLS, columns)
    Rollup(warehouse).recompute(
        {cell_of(row[CALLS.names.index("team")], row[CALLS.names.index("started_at")])}
    )
    fine = run(clickhouse_database, "reconcile")
    assert fine.returncode == 0, fine.stderr
    assert fine.stdout.splitlines()[-1] == "everything agrees"
    assert "1.500000000000" in fine.stdout
    # An hour ago somebody wrote a wrong sum.
    warehouse.execute(
        "ALTER TABLE calls_raw UPDATE inserted_at = inserted_at - 3600 WHERE 1 SETTINGS mutations_sync = 1"
    )
    warehouse.execute(
        "INSERT INTO spend_by_team_hour SELECT * REPLACE (calls + 1 AS calls,"
        " computed_at + toIntervalSecond(1) AS computed_at) FROM spend_by_team_hour"
    )
    wrong = run(clickhouse_database, "reconcile")
    assert wrong.returncode == 1
    assert "DIFFERS  search, 2026-11-24 12:00: 1 calls" in wrong.stdout


def test_forgetting_positions_lets_everything_be_read_again(
    warehouse: Client, clickhouse_database: str
) -> None:
    positions = StoredPositions(warehouse, "L", "llm.costs")
    positions.record({0: Mark(7, 1, 0)})
    assert positions.start([0]) == {0: 6}
    assert run(clickhouse_database, "forget-positions").returncode == 0
    assert positions.start([0]) == {}


@pytest.mark.parametrize("command", ["migrate", "reconcile", "forget-positions"])
def test_a_warehouse_that_is_not_there_is_one_line(command: str) -> None:
    (port,) = free_ports(1)
    failed = run(f"http://user:hunter2@127.0.0.1:{port}/x", command)
    assert failed.returncode == 1
    assert failed.stderr == (
        f"spendstream: the warehouse at http://127.0.0.1:{port}/x cannot answer now: Connection refused\n"
    )
