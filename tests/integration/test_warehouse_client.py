"""The client against the embedded ClickHouse."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingest.clock import FixedClock
from warehouse.client import Client, create_client, wait_for_warehouse
from warehouse.columns import Table
from warehouse.errors import SchemaMissing, WarehouseRefused, WarehouseUnavailable

pytestmark = pytest.mark.integration

AWKWARD = ["", "it's", "back\\slash", "né\x00\n\t", "{x:String}", "'); DROP TABLE t; --", "a,b]", "🙂"]
TABLE = Table(
    "t", (("name", "LowCardinality(String)"), ("amount", "Decimal(38, 12)"), ("at", "DateTime64(6, 'UTC')"))
)
AT = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def client(clickhouse_database: str) -> Iterator[Client]:
    client = create_client(clickhouse_database)
    client.execute(
        "CREATE TABLE t (name LowCardinality(String), amount Decimal(38, 12), at DateTime64(6, 'UTC'))"
        " ENGINE = MergeTree ORDER BY name SETTINGS non_replicated_deduplication_window = 100"
    )
    yield client
    client.close()


def test_values_come_back_exactly_as_they_were(client: Client) -> None:
    amounts = [Decimal("0.000000000001"), Decimal("-99999999999999999999999999.999999999999"), Decimal(0)]
    columns: list[Any] = [["a", "b", "c"], amounts, [AT, AT, AT]]
    client.insert(TABLE, columns)
    assert client.rows("SELECT * FROM t ORDER BY name") == [
        (name, amount, AT) for name, amount in zip("abc", amounts, strict=True)
    ]
    frame = client.frame("SELECT name, amount, at FROM t ORDER BY name")
    assert list(frame["amount"]) == amounts
    assert frame["at"].iloc[0] == AT


def test_no_value_becomes_sql(client: Client) -> None:
    columns: list[Any] = [AWKWARD, [Decimal(1)] * len(AWKWARD), [AT] * len(AWKWARD)]
    client.insert(TABLE, columns)
    for value in AWKWARD:
        assert client.rows("SELECT name FROM t WHERE name = {x:String}", {"x": value}) == [(value,)]
    found = client.rows("SELECT name FROM t WHERE name IN {x:Array(String)}", {"x": tuple(AWKWARD)})
    assert sorted(name for (name,) in found) == sorted(AWKWARD)


def test_the_same_insert_with_the_same_token_is_stored_once(client: Client) -> None:
    rows: list[Any] = [["a"], [Decimal(1)], [AT]]
    for token in ("one", "one", "two"):
        client.insert(TABLE, rows, token)
    assert client.rows("SELECT count() FROM t") == [(2,)]


def test_an_insert_with_one_bad_value_stores_nothing(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    columns: list[Any] = [["a", "b"], [Decimal(1), "many"], [AT, AT]]
    with pytest.raises(WarehouseRefused):
        client.insert(TABLE, columns)
    client.insert(TABLE, [["c"], [Decimal(1)], [AT]])
    assert client.rows("SELECT name FROM t") == [("c",)]


def test_what_is_missing_and_what_is_wrong_are_told_apart(client: Client) -> None:
    with pytest.raises(SchemaMissing, match="spendstream migrate"):
        client.rows("SELECT 1 FROM nothing")
    with pytest.raises(WarehouseRefused) as refused:
        client.rows("SELEC 1")
    assert refused.value.code == 62
    assert client.ping()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_a_warehouse_that_does_not_answer_is_unavailable() -> None:
    url = f"http://user:hunter2@127.0.0.1:{free_port()}/x"
    with pytest.raises(WarehouseUnavailable) as raised:
        create_client(url)
    assert "hunter2" not in str(raised.value)


def test_waiting_tells_once_and_ends(clickhouse: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    waits: list[str] = []
    clock = FixedClock(AT)

    def waiting() -> None:
        waits.append("waiting")
        clock.advance(10)

    with pytest.raises(WarehouseUnavailable, match="within 5 seconds"):
        wait_for_warehouse(f"http://127.0.0.1:{free_port()}/x", 5.0, clock=clock, on_wait=waiting)
    assert waits == ["waiting"]
    assert caplog.records == []
    wait_for_warehouse(clickhouse, 5.0, on_wait=waiting).close()
    assert waits == ["waiting"]


def test_a_proxy_for_the_way_out_is_not_asked_for_the_way_to_this_machine(
    clickhouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    create_client(clickhouse).close()
