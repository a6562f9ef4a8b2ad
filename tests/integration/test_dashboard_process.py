"""The dashboard as a process: it serves at once, says what it waits for, and leaves without a trace."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.fixtures.clickhouse import WarehouseProcess
from tests.fixtures.dashboard import DashboardProcess
from tests.fixtures.processes import free_ports, marked_members
from warehouse.client import Client, create_client
from warehouse.migrations import migrate

pytestmark = pytest.mark.integration


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[DashboardProcess]]:
    """Those that a test starts end with it."""
    processes: list[DashboardProcess] = []
    yield processes
    for process in processes:
        process.end()


def get(process: DashboardProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{process.url}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_it_serves_before_the_warehouse_is_there_and_recovers_by_itself(
    tmp_path: Path, started: list[DashboardProcess]
) -> None:
    (port,) = free_ports(1)
    dashboard = DashboardProcess(tmp_path, f"http://127.0.0.1:{port}/spendstream")
    started.append(dashboard)
    dashboard.launch()
    dashboard.wait_for(lambda: get(dashboard, "/health/live")[0] == 200, "an answer")
    dashboard.wait_for(lambda: "waiting for" in dashboard.output(), "a word")
    assert get(dashboard, "/health")[0] == 503
    assert get(dashboard, "/")[0] == 200

    warehouse = WarehouseProcess(tmp_path / "warehouse")
    warehouse.launch("-m", "warehouse", "serve", "--path", str(warehouse.folder), "--port", str(port))
    try:
        dashboard.wait_for(
            lambda: "the worker to create the tables in" in dashboard.output(), "the next word"
        )
        assert get(dashboard, "/health")[0] == 503
        client = create_client(f"http://127.0.0.1:{port}/spendstream")
        migrate(client)
        client.close()
        dashboard.wait_ready()
        dashboard.wait_for(lambda: "ready" in dashboard.output(), "its ready line")
    finally:
        warehouse.stop()
    lines = dashboard.output().splitlines()
    address = f"http://127.0.0.1:{port}/spendstream"
    assert f"INFO dashboard: waiting for the warehouse at {address} …" in lines
    assert f"INFO dashboard: ready: {dashboard.url}/" in lines
    assert len(lines) == len(set(lines)), "it says everything once"
    assert dashboard.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_with_connections_open(
    warehouse: Client,
    clickhouse_database: str,
    tmp_path: Path,
    started: list[DashboardProcess],
    number: signal.Signals,
) -> None:
    dashboard = DashboardProcess(tmp_path, clickhouse_database, {"SPENDSTREAM_TEST_MARK": str(tmp_path)})
    started.append(dashboard)
    dashboard.launch()
    dashboard.wait_ready()
    kept_open = HTTPConnection("127.0.0.1", dashboard.port, timeout=10)
    kept_open.request("GET", "/health")
    assert kept_open.getresponse().read() == b'{"status":"ok"}\n'
    mark = f"SPENDSTREAM_TEST_MARK={tmp_path}"
    assert marked_members(mark) == [dashboard.pid], "one process, so that none can be left behind"
    assert dashboard.stop(number) == 0
    kept_open.close()
    assert marked_members(mark) == []
    assert "Traceback" not in dashboard.output()
    assert warehouse.ping()


def test_it_can_be_stopped_while_it_starts(tmp_path: Path, started: list[DashboardProcess]) -> None:
    dashboard = DashboardProcess(tmp_path, "http://127.0.0.1:1/spendstream")
    started.append(dashboard)
    dashboard.launch()
    dashboard.wait_for(lambda: (tmp_path / "dashboard" / "secret_key").exists(), "its first step")
    assert dashboard.stop() == 0
    assert "Traceback" not in dashboard.output()


def test_a_port_in_use_is_one_line_that_names_the_variable(
    tmp_path: Path, started: list[DashboardProcess]
) -> None:
    dashboard = DashboardProcess(tmp_path, "http://127.0.0.1:1/spendstream")
    started.append(dashboard)
    with socket.create_server(("127.0.0.1", dashboard.port)):
        dashboard.launch()
        assert dashboard.wait() == 1
    (line,) = dashboard.output().splitlines()
    assert line.startswith(
        f"dashboard: cannot listen on 127.0.0.1:{dashboard.port} (Address already in use); set "
    )
    assert "SPENDSTREAM_DASHBOARD_PORT" in line


def test_a_second_dashboard_does_not_share_the_first_ones_port(
    tmp_path: Path, started: list[DashboardProcess]
) -> None:
    first = DashboardProcess(tmp_path, "http://127.0.0.1:1/spendstream")
    (tmp_path / "second").mkdir()
    second = DashboardProcess(
        tmp_path / "second", "http://127.0.0.1:1/s", {"SPENDSTREAM_DASHBOARD_PORT": str(first.port)}
    )
    started += [first, second]
    first.launch()
    first.wait_for(lambda: get(first, "/health/live")[0] == 200, "an answer")
    second.launch()
    assert second.wait() == 1
    assert "cannot listen" in second.output()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPENDSTREAM_CLICKHOUSE", "ftp://user:secret-word@x"),
        ("SPENDSTREAM_DASHBOARD_PORT", "0"),
        ("SPENDSTREAM_HOST", "203.0.113.7"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    tmp_path: Path, started: list[DashboardProcess], variable: str, value: str
) -> None:
    dashboard = DashboardProcess(tmp_path, "http://127.0.0.1:1/s", {variable: value})
    started.append(dashboard)
    dashboard.launch()
    assert dashboard.wait() == 1
    (line,) = dashboard.output().splitlines()
    assert line.startswith("dashboard: ")
    assert "secret-word" not in line
