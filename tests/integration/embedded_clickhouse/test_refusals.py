"""What the embedded ClickHouse refuses, how it says so, and what stops a statement."""

from __future__ import annotations

import gzip
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.fixtures.clickhouse import connect
from tests.integration.embedded_clickhouse.asking import (
    BUSY,
    eventually,
    request,
    running,
)
from tests.unit.warehouse.test_embedded_guard import ATTACKS
from warehouse.embedded.errors import Code
from warehouse.embedded.guard import REFUSED_FUNCTIONS, SAFE_TABLE_FUNCTIONS

pytestmark = pytest.mark.integration


# --- errors, limits, refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELEC 1", 62, 400),
        ("SELECT 1; SELECT 2", 62, 400),
        ("SELECT * FROM nope", 60, 404),
        ("SELECT nope()", 46, 404),
        ("SELECT nope", 47, 404),
        ("SELECT 1 FORMAT Nope", 73, 404),
        ("SELECT * FROM nope.t", 81, 404),
        ("SELECT {x:UInt8}", 456, 400),
        ("SELECT sleep(3) SETTINGS max_execution_time = 1", 159, 408),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 100000000", 241, 500),
        ("SYSTEM SHUTDOWN", 497, 403),
        ("CREATE USER u", 497, 403),
        ("BACKUP TABLE system.one TO File('/tmp/x')", 497, 403),
        ("DROP DATABASE system", 497, 403),
        ("DROP DATABASE default", 497, 403),
        ("CREATE TABLE system.t (a Int8) ENGINE = Memory", 497, 403),
        ("SELECT * FROM '/etc/passwd'", 60, 404),
    ],
)
def test_errors_have_clickhouses_codes(clickhouse_database: str, sql: str, code: int, status: int) -> None:
    found, head, body = request(clickhouse_database, body=sql.encode())
    assert (found, head["x-clickhouse-exception-code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert body.endswith(b"(official build))\n")
    with pytest.raises(DatabaseError) as caught:
        connect(clickhouse_database).raw_query(sql)
    assert caught.value.code == code


def test_codes_have_the_engines_names(client: Client) -> None:
    for code in Code:
        assert client.command(f"SELECT errorCodeToName({code.value}::UInt32)") == code.name


@pytest.mark.parametrize("sql", ATTACKS)
def test_attacks_are_refused_over_http(clickhouse_database: str, sql: str) -> None:
    status, head, body = request(clickhouse_database, body=sql.encode())
    assert (status, head["x-clickhouse-exception-code"]) == (403, "497")
    assert b"root:" not in body


def test_the_grants_hold_without_the_guard(client: Client) -> None:
    """The second wall: a view over a name the guard cannot see, made of a parameter."""
    for database in ("default", "system"):
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            client.command(
                "CREATE TABLE {d:Identifier}.t (a Int8) ENGINE = Memory", parameters={"d": database}
            )
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        client.query(
            "SELECT * FROM {d:Identifier}.{t:Identifier}", parameters={"d": "default", "t": "/etc/passwd"}
        )


def test_every_table_function_of_the_engine_is_known(client: Client) -> None:
    names = {row[0].lower() for row in client.query("SELECT name FROM system.table_functions").result_rows}
    unknown = names - SAFE_TABLE_FUNCTIONS - REFUSED_FUNCTIONS
    assert not unknown, f"decide on these: safe or refused? {sorted(unknown)}"


def test_the_database_default_cannot_be_used(clickhouse: str) -> None:
    address = clickhouse.rpartition("/")[0]
    status, head, body = request(f"{address}/default", body=b"SELECT 1")
    assert (status, head["x-clickhouse-exception-code"]) == (403, "497")
    assert b"use `spendstream`" in body
    status, _, body = request(
        address, body=b"SELECT currentDatabase()", headers={"X-ClickHouse-Database": ""}
    )
    assert (status, body) == (200, b"spendstream\n")


def test_a_database_may_have_any_name(client: Client, clickhouse: str) -> None:
    name = "we-ird `é` & co"
    quoted = "`" + name.replace("`", "\\`") + "`"
    client.command(f"CREATE DATABASE {quoted}")
    try:
        _, _, body = request(clickhouse, body=b"SELECT currentDatabase()", database=name)
        assert body == f"{name}\n".encode()
    finally:
        client.command(f"DROP DATABASE {quoted}")


def test_a_get_only_reads(calls: Client, clickhouse_database: str) -> None:
    def get(sql: str) -> tuple[int, bytes]:
        status, _, body = request(clickhouse_database, "GET", query=sql)
        return status, body

    assert get("SELECT count() FROM calls SETTINGS max_threads = 1") == (200, b"0\n")
    for sql in (
        "DROP TABLE calls", "INSERT INTO calls (id) VALUES (1)", "INSERT INTO calls (id) SELECT 1", "SELECT 1 SETTINGS readonly = 0",
        "ALTER TABLE calls DELETE WHERE 1", "TRUNCATE TABLE calls", "SET readonly = 0", "INSERT INTO calls (id) FORMAT CSV 1",
    ):  # fmt: skip
        status, body = get(sql)
        assert (status, body[:9]) == (403, b"Code: 164"), sql
    status, head, body = request(clickhouse_database, "HEAD", query="SELECT 1")
    assert (status, head["x-clickhouse-format"], body) == (200, "TabSeparated", b"")


def test_plain_http(clickhouse_database: str) -> None:
    status, head, body = request(clickhouse_database, body=b"SELECT 1 AS x FORMAT JSON", query_id="mine")
    assert (status, json.loads(body)["data"]) == (200, [{"x": 1}])
    assert head["x-clickhouse-query-id"] == "mine"
    assert json.loads(head["x-clickhouse-summary"])["result_rows"] == "1"
    packed = gzip.compress(b"SELECT 'a'")
    assert request(clickhouse_database, body=packed, headers={"Content-Encoding": "gzip"})[2] == b"a\n"
    answer = request(
        clickhouse_database,
        body=b"SELECT repeat('a', 5000)",
        headers={"Accept-Encoding": "gzip"},
        enable_http_compression="1",
    )
    assert gzip.decompress(answer[2]) == b"a" * 5000 + b"\n"
    assert request(clickhouse_database, body=b"SELECT 1", default_format="CSVWithNames")[2] == b'"1"\n1\n'
    assert request(clickhouse_database, body=b"SELECT timezone()")[2] == b"UTC\n"


# --- cancelling ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql", [BUSY, "SELECT number, toString(number) FROM numbers(10000000000) FORMAT TSV"]
)
def test_a_client_that_goes_away_stops_its_statement(
    client: Client, clickhouse_database: str, sql: str
) -> None:
    parts, text = urlsplit(clickhouse_database), f"{sql} -- gone".encode()
    if "FORMAT" in sql:
        text = sql.replace("SELECT", "SELECT /* gone */").encode()
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        eventually(lambda: running(client, sql[-30:]) == 1, "the statement runs")
    eventually(lambda: running(client, sql[-30:]) == 0, "the statement is cancelled")


def test_statements_beyond_the_threads_wait_and_do_not_block_for_ever(
    client: Client, clickhouse_database: str
) -> None:
    mark = "SELECT sleepEachRow(0.1) FROM numbers(3) /* crowd */"
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: request(clickhouse_database, body=mark.encode())[0], range(20)))
    assert answers == [200] * 20
    assert running(client, "crowd") == 0
