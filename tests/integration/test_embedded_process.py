"""The embedded ClickHouse as a process: one owner of a folder, a clean stop, and `kill -9` at any moment."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, Error
from typing_extensions import override

from tests.fixtures.clickhouse import WarehouseProcess, connect
from tests.integration.embedded_clickhouse.asking import BUSY, eventually, request, running

pytestmark = pytest.mark.integration

BATCH = 500
KILLS = 3
WRITERS = 3


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[WarehouseProcess]:
    process = WarehouseProcess(tmp_path / "a folder with ü")
    process.start()
    yield process
    process.kill()


class Writer(threading.Thread):
    """Inserts numbered batches until the warehouse dies; knows which were acknowledged."""

    def __init__(self, url: str, number: int, first: int) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.open: int | None = None
        """The batch whose answer never came."""
        self._url, self._number, self._next = url, number, first

    @override
    def run(self) -> None:
        client = connect(self._url)
        while True:
            batch = self._next * WRITERS + self._number
            self.open = batch
            try:
                insert(client, batch)
            except (Error, OSError):
                return
            self.acknowledged.append(batch)
            self.open = None
            self._next += 1


def insert(client: Client, batch: int) -> None:
    """One batch under its own token."""
    rows = [[batch, n] for n in range(BATCH)]
    client.insert("t", rows, column_names=["batch", "n"], settings={"insert_deduplication_token": str(batch)})


def write_until_killed(warehouse: WarehouseProcess, first: int) -> list[Writer]:
    """Several writers at once, `kill -9` in the middle, and a restart."""
    writers = [Writer(warehouse.url, number, first) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    eventually(lambda: all(len(writer.acknowledged) >= 5 for writer in writers), "every writer has written")
    warehouse.kill()
    for writer in writers:
        writer.join()
    warehouse.start()
    return writers


def test_kill_9_loses_nothing_acknowledged_and_a_repeated_batch_counts_once(
    warehouse: WarehouseProcess,
) -> None:
    connect(warehouse.url).command(
        "CREATE TABLE t (batch UInt64, n UInt32) ENGINE = MergeTree ORDER BY (batch, n) "
        "SETTINGS non_replicated_deduplication_window = 10000"
    )
    acknowledged: set[int] = set()
    for _ in range(KILLS):
        writers = write_until_killed(warehouse, first=max(acknowledged, default=-1) // WRITERS + 1)
        client = connect(warehouse.url)
        acknowledged |= {batch for writer in writers for batch in writer.acknowledged}
        stored = client.query("SELECT batch, count() FROM t GROUP BY batch").result_rows
        assert acknowledged <= {batch for batch, _ in stored}
        assert {rows for _, rows in stored} == {BATCH}
        for batch in [writer.open for writer in writers if writer.open is not None]:
            insert(client, batch)  # whether it was stored or not
            acknowledged.add(batch)
        expected = len(acknowledged) * BATCH
        assert client.query("SELECT count(), uniqExact(batch, n) FROM t").result_rows == [
            (expected, expected)
        ]
        assert client.command("CHECK TABLE t", settings={"check_query_single_value_result": 1}) == 1
        client.close()


def test_a_second_process_on_the_same_folder_is_one_clear_line(warehouse: WarehouseProcess) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "warehouse", "serve", "--path", str(warehouse.folder), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr == (
        f"spendstream: another process holds the warehouse in {warehouse.folder} (process id {warehouse.pid}); "
        "stop it, or set SPENDSTREAM_HOME to another folder\n"
    )
    assert connect(warehouse.url).command("SELECT 1") == 1


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = WarehouseProcess(
            tmp_path / "w", {"SPENDSTREAM_WAREHOUSE_PORT": str(port), "SPENDSTREAM_HOME": str(tmp_path)}
        )
        process.launch("-m", "warehouse", "serve")
        assert process.wait() == 1
    assert process.output() == (
        f"spendstream: port {port} of 127.0.0.1 is in use; stop what listens there, "
        "or set SPENDSTREAM_WAREHOUSE_PORT to a free port\n"
    )


def test_a_stop_waits_for_statements_and_leaves_nothing_behind(warehouse: WarehouseProcess) -> None:
    client = connect(warehouse.url)
    client.command("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
    answers: list[int] = []
    slow = b"INSERT INTO t SELECT sleepEachRow(0.2) + 1 FROM numbers(3) SETTINGS max_block_size = 1"
    thread = threading.Thread(target=lambda: answers.append(request(warehouse.url, body=slow)[0]))
    thread.start()
    eventually(lambda: running(client, "sleepEachRow") == 1, "the statement runs")
    assert warehouse.stop() == 0
    thread.join()
    assert answers == [200]
    assert warehouse.output().count("\n") == 1, warehouse.output()
    warehouse.start()
    assert connect(warehouse.url).command("SELECT count() FROM t") == 3


def test_a_stop_cancels_what_takes_too_long_and_tells_the_client(warehouse: WarehouseProcess) -> None:
    failures: list[DatabaseError] = []

    def ask() -> None:
        try:
            connect(warehouse.url).query(BUSY)
        except DatabaseError as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    client = connect(warehouse.url)
    eventually(lambda: running(client, "100000000000") == 1, "the statement runs")
    assert warehouse.stop() == 0
    thread.join()
    assert [error.code for error in failures] == [394]


def test_all_is_utc_whatever_the_machine_says(tmp_path: Path) -> None:
    process = WarehouseProcess(tmp_path / "w", {"TZ": "America/New_York"})
    process.start()
    try:
        client = connect(process.url)
        assert client.command("SELECT timezone()") == "UTC"
        assert (
            client.raw_query("SELECT toDateTime(0), toYYYYMM(toDateTime(0))")
            == b"1970-01-01 00:00:00\t197001\n"
        )
    finally:
        process.kill()


def test_with_a_password_clients_need_it(tmp_path: Path) -> None:
    process = WarehouseProcess(tmp_path / "w")
    process.start(
        "-c",
        "from pathlib import Path\nimport sys\nfrom warehouse.embedded.server import EmbeddedWarehouse\n"
        "EmbeddedWarehouse(Path(sys.argv[1]), 0, user='analyst', password='geheim')"
        ".serve(lambda url: print(f'ready: x at {url}', flush=True))",
        str(tmp_path / "w"),
    )
    try:
        assert connect(process.url, username="analyst", password="geheim").command("SELECT 1") == 1
        with pytest.raises(DatabaseError) as caught:
            connect(process.url, username="analyst", password="wrong")
        assert caught.value.code == 516
        assert request(process.url, body=b"SELECT 1")[0] == 401
    finally:
        process.kill()
