"""A port is ours alone, and readiness is said once."""

from __future__ import annotations

import logging
import socket
import threading

import pandas as pd
import pytest
from typing_extensions import override

from dashboard.server import ReadinessWatch, check_port
from ingest.errors import InvalidSetting
from tests.unit.dashboard.frames import FakeReader
from warehouse.errors import SchemaMissing, WarehouseUnavailable
from warehouse.queries.freshness import Activity
from warehouse.queries.query import Query


def test_a_port_in_use_is_refused_even_when_its_owner_would_share_it() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            InvalidSetting, match=f"cannot listen on 127.0.0.1:{port} .*SPENDSTREAM_DASHBOARD_PORT"
        ):
            check_port("127.0.0.1", port)


def test_a_free_port_is_left_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_host_that_is_none_is_one_sentence() -> None:
    with pytest.raises(InvalidSetting, match=r"cannot listen on 203\.0\.113\.7:8050"):
        check_port("203.0.113.7", 8050)


class Recovering(FakeReader):
    """The warehouse, its tables, and then an answer."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)
        self.answered = threading.Event()

    @override
    def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:
        assert isinstance(query, Activity)
        assert max_age_s == 0
        if self.errors:
            raise self.errors.pop(0)
        self.answered.set()
        return pd.DataFrame()


def test_it_says_once_what_it_waits_for_and_once_that_it_is_ready(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.server._PAUSE_S", 0.001)
    away, bare = WarehouseUnavailable("away"), SchemaMissing("bare")
    reader = Recovering(away, away, bare, bare)
    watch = ReadinessWatch(reader, "http://warehouse/db", "http://127.0.0.1:1/")
    with caplog.at_level(logging.INFO, "dashboard"):
        watch.start()
        assert reader.answered.wait(10)
        watch.stop()
    assert caplog.messages == [
        "waiting for the warehouse at http://warehouse/db …",
        "waiting for the worker to create the tables in http://warehouse/db …",
        "ready: http://127.0.0.1:1/",
    ]


def test_it_can_be_stopped_while_it_waits() -> None:
    reader = FakeReader({Activity: WarehouseUnavailable("away")})
    watch = ReadinessWatch(reader, "x", "y")
    watch.start()
    watch.stop()
    assert not any(thread.name == "readiness" for thread in threading.enumerate())
