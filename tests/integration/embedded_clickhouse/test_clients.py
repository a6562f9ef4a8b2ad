"""The embedded ClickHouse as its clients see it: clickhouse-connect, synchronous and not, sessions, its own features."""

from __future__ import annotations

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from tests.fixtures.clickhouse import connect
from tests.integration.embedded_clickhouse.asking import (
    AT,
    COLUMNS,
    MONEY,
    eventually,
    request,
    running,
)
from warehouse.embedded.config import FROZEN_SETTINGS

pytestmark = pytest.mark.integration


# --- what clients do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [True, False, "zstd", "gzip"])
def test_rows_and_columns_come_back_as_they_went_in(
    clickhouse_database: str, calls: Client, compress: bool | str
) -> None:
    client = connect(clickhouse_database, compress=compress)
    rows = [[n, f"team {n % 3} ü", MONEY[n % 4], AT] for n in range(5000)]
    assert client.insert("calls", rows[:2500], column_names=COLUMNS).written_rows == 2500
    columns = list(map(list, zip(*rows[2500:], strict=True)))
    client.insert("calls", columns, column_names=COLUMNS, column_oriented=True)
    found = client.query("SELECT * FROM calls ORDER BY id")
    assert found.result_rows == [(*row[:3], AT.replace(tzinfo=None)) for row in rows]
    assert found.summary["read_rows"] == "5000"
    client.close()


def test_money_keeps_all_its_places(calls: Client) -> None:
    calls.insert("calls", [[n, "t", cost, AT] for n, cost in enumerate(MONEY)], column_names=COLUMNS)
    assert [row[0] for row in calls.query("SELECT cost FROM calls ORDER BY id").result_rows] == MONEY
    assert calls.query("SELECT sum(cost) FROM calls").result_rows == [(Decimal("-0.099999999999"),)]


def test_parameters_are_bound_by_the_engine(client: Client) -> None:
    values = {
        "text": "a\tb'\\\n`; DROP",
        "list": [1, 2],
        "none": None,
        "at": datetime(2026, 11, 1),
        "money": "0.1",
    }
    found = client.query(
        "SELECT {text:String}, {list:Array(Int64)}, {none:Nullable(String)}, {at:DateTime}, {money:Decimal(38, 12)}",
        parameters=values,
    )
    assert found.result_rows == [(values["text"], [1, 2], None, datetime(2026, 11, 1), Decimal("0.1"))]
    long = "ü" * 100_000  # comes as a form
    assert client.query("SELECT length({x:String})", parameters={"x": long}).result_rows == [(200_000,)]
    assert client.query("SELECT length(%(x)s)", parameters={"x": long[:10]}).result_rows == [(20,)]


def test_frames_and_arrow(calls: Client) -> None:
    calls.insert("calls", [[1, "a", MONEY[0], AT], [2, "b", MONEY[1], AT]], column_names=COLUMNS)
    frame = calls.query_df("SELECT id, team, cost FROM calls ORDER BY id")
    assert frame.to_dict("list") == {"id": [1, 2], "team": ["a", "b"], "cost": MONEY[:2]}
    table = calls.query_arrow("SELECT id, cost FROM calls ORDER BY id")
    assert table.column("cost").to_pylist() == MONEY[:2]
    calls.insert_arrow("calls", calls.query_arrow("SELECT id + 10 AS id, team, cost, at FROM calls"))
    calls.insert_df("calls", frame.assign(id=[21, 22], at=AT.replace(tzinfo=None)))
    assert calls.command("SELECT count() FROM calls") == 6


def test_every_way_to_insert(calls: Client) -> None:
    calls.raw_insert("calls", ["id", "team"], b'{"id":1,"team":"json"}\n', fmt="JSONEachRow")
    calls.raw_insert("calls", ["id", "team"], gzip.compress(b"2,csv\n"), fmt="CSV", compression="gzip")
    odd = "a\tb'\\\n`; ü"
    calls.command(
        "INSERT INTO calls (id, team) VALUES ({id:UInt64}, upper({team:String}))",
        parameters={"id": 3, "team": odd},
    )
    calls.command("INSERT INTO calls (id, team) SELECT 4, 'select'")
    calls.insert(
        "calls",
        [[5, "async"]],
        column_names=COLUMNS[:2],
        settings={"async_insert": 1, "wait_for_async_insert": 1},
    )
    calls.command(
        "INSERT INTO {t:Identifier} (id, team) FORMAT CSV", data="6,param\n", parameters={"t": "calls"}
    )
    rows = calls.query("SELECT id, team FROM calls ORDER BY id").result_rows
    assert rows == [
        (1, "json"),
        (2, "csv"),
        (3, odd.upper().replace("Ü", "ü")),
        (4, "select"),
        (5, "async"),
        (6, "param"),
    ]


def test_external_data_is_a_table_for_one_statement(client: Client) -> None:
    ids = ExternalData(file_name="ids.csv", data=b"1\n2\n3\n", fmt="CSV", structure="x UInt64")
    found = client.query(
        "SELECT count() FROM numbers(10) WHERE number IN (SELECT x FROM ids)", external_data=ids
    )
    assert found.result_rows == [(3,)]
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM ids")


def test_what_answers_with_rows_says_so(client: Client) -> None:
    assert client.command("SELECT 1") == 1
    assert client.command("EXISTS TABLE nope") == 0
    assert client.query("SELECT 1 AS x LIMIT 0").column_names == ("x",)
    assert client.query("SELECT 1 AS x WHERE 0").result_rows == []
    assert client.query("DESCRIBE TABLE system.one").row_count == 1
    assert str(client.server_version).count(".") == 3
    assert client.ping()


def test_blocks_are_streamed_and_an_error_in_the_middle_is_an_error(client: Client) -> None:
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(1000000)") as stream:
        assert sum(len(block) for block in stream) == 1_000_000
    failing = client.query_row_block_stream(
        "SELECT throwIf(number = 900000), toString(number) FROM numbers(1000000)"
    )
    with pytest.raises(StreamFailureError, match=r"Code: 395"), failing as stream:
        assert sum(len(block) for block in stream) < 1_000_000


@pytest.mark.parametrize("format", ["Native", "RowBinary", "JSONEachRow", "TSV", "TSVRaw", "CSV"])
@pytest.mark.parametrize("rows", [0, 1, 300_000])
def test_streamed_pieces_add_up_to_the_whole(clickhouse_database: str, format: str, rows: int) -> None:
    for tail in ("", " GROUP BY number WITH TOTALS ORDER BY number" if rows == 1 else ""):
        sql = f"SELECT number, count() AS c, 'x\\ty' AS s FROM numbers({rows}){tail or ' GROUP BY number ORDER BY number'}"
        text = f"{sql} FORMAT {format}".encode()
        _, head, streamed = request(clickhouse_database, body=text)
        _, _, whole = request(clickhouse_database, body=text, wait_end_of_query="1")
        assert streamed == whole
        assert ("x-clickhouse-exception-tag" in head) == (rows == 300_000)


def test_the_asynchronous_client(clickhouse_database: str, calls: Client) -> None:
    async def work() -> list[tuple[object, ...]]:
        client = await clickhouse_connect.get_async_client(
            dsn=clickhouse_database, autogenerate_session_id=False
        )
        try:
            await asyncio.gather(
                *(client.insert("calls", [[n, "t", MONEY[0], AT]], column_names=COLUMNS) for n in range(40))
            )
            frame = await client.query_df("SELECT id FROM calls")
            assert len(frame) == 40
            with pytest.raises(DatabaseError, match="UNKNOWN_IDENTIFIER"):
                await client.query("SELECT nope FROM calls")
            found = await client.query(
                "SELECT count(), sum(cost) FROM calls WHERE id < {n:UInt64}", parameters={"n": 10}
            )
            return [tuple(row) for row in found.result_rows]
        finally:
            await client.close()

    assert asyncio.run(work()) == [(10, Decimal("0.00000000001"))]


def test_many_at_once_each_with_its_own_settings(clickhouse_database: str) -> None:
    client = connect(clickhouse_database)

    def one(n: int) -> tuple[int, int]:
        sql = "SELECT toInt32({n:Int32}), toInt32(getSetting('max_threads'))"
        return tuple(
            client.query(sql, parameters={"n": n}, settings={"max_threads": n % 5 + 1}).result_rows[0]
        )

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(one, range(200))) == [(n, n % 5 + 1) for n in range(200)]
    client.close()


# --- sessions and settings ----------------------------------------------------------------------------------------


def test_settings_last_for_one_statement(clickhouse_database: str) -> None:
    for options in ({}, {"session_id": "s1"}):
        client = connect(clickhouse_database, **options)
        before = client.command("SELECT getSetting('max_block_size')")
        assert client.command("SELECT getSetting('max_block_size')", settings={"max_block_size": 77}) == 77
        assert client.command("SELECT getSetting('max_block_size')") == before
        client.close()


def test_a_session_keeps_what_was_set_in_it(clickhouse_database: str) -> None:
    client, other = (
        connect(clickhouse_database, session_id="s2"),
        connect(clickhouse_database, session_id="s3"),
    )
    client.command("SET max_block_size = 55")
    client.command("CREATE TEMPORARY TABLE seen (x UInt8)")
    client.insert("seen", [[1], [2]], column_names=["x"], settings={"max_block_size": 77})
    assert client.query("SELECT sum(x), getSetting('max_block_size') FROM seen").result_rows == [(3, 55)]
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        other.query("SELECT * FROM seen")
    status, _, body = request(clickhouse_database, "GET", query="SELECT count() FROM seen", session_id="s2")
    assert (status, body) == (200, b"2\n")
    status, _, body = request(
        clickhouse_database, "GET", query="INSERT INTO seen VALUES (3)", session_id="s2"
    )
    assert (status, body[:9]) == (403, b"Code: 164")
    client.close()
    other.close()


def test_a_session_may_lock_its_settings(clickhouse_database: str) -> None:
    def ask(sql: str, params: dict[str, str] | None = None) -> tuple[int, bytes]:
        status, _, body = request(clickhouse_database, body=sql.encode(), session_id="s5", params=params)
        return status, body

    assert ask("SET readonly = 1") == (200, b"")
    assert ask("SELECT 1") == (200, b"1\n")
    assert ask("SELECT 1", {"max_threads": "1"})[1].startswith(b"Code: 164")
    assert ask("CREATE TABLE t (a UInt8) ENGINE = Memory")[1].startswith(b"Code: 164")
    assert ask("SELECT 2") == (200, b"2\n")


def test_a_session_that_is_not_there_or_busy(clickhouse_database: str, client: Client) -> None:
    status, head, _ = request(clickhouse_database, body=b"SELECT 1", session_id="never", session_check="1")
    assert (status, head["x-clickhouse-exception-code"]) == (404, "372")
    with ThreadPoolExecutor(1) as pool:
        mark = "SELECT sleepEachRow(0.2) FROM numbers(15) /* one session */"
        first = pool.submit(request, clickhouse_database, body=mark.encode(), session_id="s4")
        eventually(lambda: running(client, "one session") == 1, "the first statement runs")
        status, head, _ = request(clickhouse_database, body=b"SELECT 1", session_id="s4")
        assert (status, head["x-clickhouse-exception-code"]) == (423, "373")
        client.command("KILL QUERY WHERE query LIKE '%one session%' AND query NOT LIKE '%KILL%' SYNC")
        assert first.result()[0] == 500


@pytest.mark.parametrize("name", ["nonsense", "bad name", "max_threads = 1, log_comment", ""])
def test_an_unknown_setting_is_refused(clickhouse_database: str, name: str) -> None:
    status, head, _ = request(clickhouse_database, body=b"SELECT 1", params={name: "1"})
    assert (status, head["x-clickhouse-exception-code"]) == (404, "115")


@pytest.mark.parametrize("name", FROZEN_SETTINGS)
def test_a_frozen_setting_cannot_be_changed(clickhouse_database: str, name: str) -> None:
    value = {"0": "1", "{}": "{'t': 'x = 1'}", "clickhouse": "prql", "": "x"}[FROZEN_SETTINGS[name]]
    literal = value if value[0] in "1{" else repr(value)
    for answer in (
        request(clickhouse_database, body=b"SELECT 1", params={name: value}),
        request(clickhouse_database, body=f"SELECT 1 SETTINGS {name} = {literal}".encode()),
        request(clickhouse_database, body=f"SET {name} = {literal}".encode()),
    ):
        assert answer[1]["x-clickhouse-exception-code"] in ("392", "452")  # prohibited, constrained


# --- ClickHouse's own features ------------------------------------------------------------------------------------


def test_replacing_and_materialized_views(calls: Client) -> None:
    calls.command(
        "CREATE TABLE per_team (team String, cost Decimal(38, 12)) ENGINE = SummingMergeTree ORDER BY team"
    )
    calls.command(
        "CREATE MATERIALIZED VIEW to_team TO per_team AS SELECT team, calls.cost AS cost FROM calls"
    )
    for cost in (Decimal("1.5"), Decimal("2.5")):
        calls.insert("calls", [[1, "a", cost, AT]], column_names=COLUMNS)
    assert calls.query("SELECT count() FROM calls").result_rows == [(2,)]
    assert calls.query("SELECT id, cost FROM calls FINAL").result_rows == [(1, Decimal("2.5"))]
    assert calls.query("SELECT sum(cost) FROM per_team").result_rows == [(Decimal(4),)]


def test_a_repeated_token_inserts_once(client: Client) -> None:
    client.command(
        "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100"
    )
    for token in ("a", "a", "b"):
        client.insert("t", [[1], [2]], column_names=["id"], settings={"insert_deduplication_token": token})
    assert client.command("SELECT count() FROM t") == 4


def test_a_malformed_row_inserts_nothing(calls: Client) -> None:
    for rows in (b'{"id":1}\n{"id":"x"}\n', b'{"id":1}\n{"id":2'):
        with pytest.raises(DatabaseError) as caught:
            calls.raw_insert("calls", ["id"], rows, fmt="JSONEachRow")
        assert caught.value.code is not None
    with pytest.raises(DatabaseError, match="CANNOT_DECOMPRESS"):
        calls.raw_insert("calls", ["id"], gzip.compress(b"1\n2\n" * 1000)[:-9], fmt="CSV", compression="gzip")
    assert calls.command("SELECT count() FROM calls") == 0
