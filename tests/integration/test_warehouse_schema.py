"""The migrations on a real engine, and the columns that others build on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.costing import NO_USAGE_REPORTED
from tests.builders import a_budget_ref, a_call_costed
from warehouse.client import Client, create_client
from warehouse.columns import Table
from warehouse.errors import InvalidMigration, SchemaMissing, WarehouseUnavailable
from warehouse.migrations import Migration, migrate, read_migrations, wait_for_schema
from warehouse.positions import POSITIONS
from warehouse.progress import PROGRESS
from warehouse.rows import CALLS, call_row
from warehouse.state_rows import BUDGET_STATES, DEAD_LETTERS, LETTER_ACTIONS

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[1] / "golden" / "warehouse"


@pytest.fixture
def empty(clickhouse_database: str) -> Iterator[Client]:
    client = create_client(clickhouse_database)
    yield client
    client.close()


def columns_of(client: Client, table: str) -> list[str]:
    return [f"{name} {kind}" for name, kind, *_ in client.rows(f"DESCRIBE TABLE {table}")]


@pytest.mark.parametrize("view", ["calls", "statements", "cost_corrections"])
def test_the_columns_of_views_are_the_outside_interface(warehouse: Client, view: str) -> None:
    """A golden file that differs means that what others built on the view breaks: add columns after these instead."""
    promised = (GOLDEN / f"{view}.txt").read_text().splitlines()
    assert columns_of(warehouse, view)[: len(promised)] == promised


@pytest.mark.parametrize(
    "table",
    [CALLS, BUDGET_STATES, DEAD_LETTERS, LETTER_ACTIONS, POSITIONS, PROGRESS],
    ids=lambda table: table.name,
)
def test_what_is_written_is_what_the_table_has(warehouse: Client, table: Table) -> None:
    written = [f"{name} {kind}" for name, kind in table.columns]
    filled_in = [
        f"{name} {kind}"
        for name, kind, default, *_ in warehouse.rows(f"DESCRIBE TABLE {table.name}")
        if default == "DEFAULT"
    ]
    assert set(columns_of(warehouse, table.name)) == {*written, *filled_in}


def test_the_database_is_created_where_the_url_says(clickhouse: str) -> None:
    client = create_client(f"{clickhouse.rpartition('/')[0]}/made_by_migrate")
    try:
        with pytest.raises(SchemaMissing):
            client.rows("SELECT 1 FROM calls")
        assert [migration.number for migration in migrate(client)] == list(
            range(1, len(read_migrations()) + 1)
        )
        assert client.rows("SELECT count() FROM calls") == [(0,)]
        assert migrate(client) == []
    finally:
        client.execute("DROP DATABASE IF EXISTS made_by_migrate SYNC", in_database=False)
        client.close()


def test_every_migration_may_be_run_again(warehouse: Client) -> None:
    before = [columns_of(warehouse, table) for (table,) in warehouse.rows("SHOW TABLES")]
    for migration in read_migrations():
        for statement in migration.statements:
            warehouse.execute(statement)
    assert [columns_of(warehouse, table) for (table,) in warehouse.rows("SHOW TABLES")] == before


def test_rows_from_before_the_details_get_sensible_ones(empty: Client) -> None:
    """Stored by the version before: the first try, in time, and the sums of their hour stay right."""
    every = read_migrations()
    migrate(empty, every[:9])
    old = a_call_costed(cost_usd="0.25", budgets=(a_budget_ref(),))
    silent = a_call_costed(usage=None, unpriced_because=NO_USAGE_REPORTED, is_priced=False, cost_usd="0")
    columns = list(zip(*[call_row(event, 0, n) for n, event in enumerate([old, silent])], strict=True))
    before = Table(CALLS.name, tuple(c for c in CALLS.columns if c[0] in columns_before(empty)))
    empty.insert(before, [columns[CALLS.names.index(name)] for name in before.names])
    sums = [name for name, *_ in empty.rows("DESCRIBE TABLE spend_by_team_hour")]
    empty.execute(
        f"INSERT INTO spend_by_team_hour ({', '.join(sums)})"
        " SELECT 'search', toStartOfHour(max(started_at)), 'default', '', 'openai', 'gpt-4o', 'ok', 2, 2000, 0, 0, 0, 600,"
        " 0, 0, 0.25, 0.15, 0, 0.1, 0.25, 1, 0, 1624, now64(6, 'UTC') FROM calls_raw"
    )
    migrate(empty, every)
    assert empty.rows(
        "SELECT has_usage, attempt, budget_windows, logged_at = toDateTime64(started_at, 3, 'UTC'), time_flag FROM calls"
        " ORDER BY cost_usd"
    ) == [(False, 0, [], True, ""), (True, 0, [], True, "")]
    assert empty.rows("SELECT calls, logical_calls FROM spend_hourly") == [(2, 2)]


def columns_before(client: Client) -> set[str]:
    return {name for name, *_ in client.rows("DESCRIBE TABLE calls_raw")}


def test_several_workers_may_migrate_at_once(empty: Client, clickhouse_database: str) -> None:
    clients = [create_client(clickhouse_database) for _ in range(6)]
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(migrate, clients))
    for client in clients:
        client.close()
    assert migrate(empty) == []
    rows = empty.rows("SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number")
    assert rows == [(m.number, m.name, m.checksum) for m in read_migrations()]


def test_an_edited_migration_is_refused_before_anything_changes(empty: Client) -> None:
    one = Migration(1, "one", "CREATE TABLE IF NOT EXISTS one (x UInt8) ENGINE = Memory;\n")
    two = Migration(2, "two", "CREATE TABLE IF NOT EXISTS two (x UInt8) ENGINE = Memory;\n")
    migrate(empty, [one])
    with pytest.raises(InvalidMigration, match="edited"):
        migrate(empty, [Migration(1, "one", one.sql.replace("UInt8", "UInt16")), two])
    assert sorted(empty.rows("SHOW TABLES")) == [("one",), ("schema_migrations",)]
    assert migrate(empty, [one, two]) == [two]


def test_a_migration_that_fails_is_not_recorded_and_runs_next_time(empty: Client) -> None:
    broken = Migration(
        1,
        "one",
        "CREATE TABLE IF NOT EXISTS one (x UInt8) ENGINE = Memory;\nALTER TABLE two ADD COLUMN y UInt8;\n",
    )
    with pytest.raises(SchemaMissing):
        migrate(empty, [broken])
    whole = Migration(1, "one", "CREATE TABLE IF NOT EXISTS one (x UInt8) ENGINE = Memory;\n")
    assert migrate(empty, [whole]) == [whole]


def test_waiting_for_the_schema_ends_when_it_is_there_or_time_is_up(empty: Client) -> None:
    waits: list[str] = []
    with pytest.raises(WarehouseUnavailable, match=r"9 of 9 migrations|of \d+ migrations were not applied"):
        wait_for_schema(empty, 0.0, on_wait=lambda: waits.append("waiting"))
    migrate(empty)
    wait_for_schema(empty, 0.0, on_wait=lambda: waits.append("waiting"))
    assert waits == []
