"""What the driver raises, in our words. The rest of the client is tested on the embedded ClickHouse."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, Error, OperationalError

from ingest.errors import Unavailable
from warehouse.address import parse_address
from warehouse.client import Client
from warehouse.columns import Table
from warehouse.errors import SchemaMissing, WarehouseRefused, WarehouseUnavailable

TABLE = Table("t", (("x", "UInt8"),))


class FailingDriver:
    """A clickhouse-connect client that raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def command(self, *_: Any, **__: Any) -> None:
        raise self._error

    def query(self, *_: Any, **__: Any) -> None:
        raise self._error

    def query_df(self, *_: Any, **__: Any) -> None:
        raise self._error

    def insert(self, *_: Any, **__: Any) -> None:
        raise self._error


def failing(error: Exception) -> Client:
    return Client(parse_address("http://user:hunter2@ch:1/x"), FailingDriver(error))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OperationalError("connection refused"), WarehouseUnavailable),
        (DatabaseError("memory limit", code=241), WarehouseUnavailable),
        (DatabaseError("too many parts", code=252), WarehouseUnavailable),
        (OperationalError("timeout", code=159), WarehouseUnavailable),
        (DatabaseError("no table", code=60), SchemaMissing),
        (DatabaseError("no database", code=81), SchemaMissing),
        (DatabaseError("syntax", code=62), WarehouseRefused),
        (DatabaseError("wrong password", code=516), WarehouseRefused),
        (OperationalError("readonly", code=164), WarehouseRefused),
        (DataError("no number"), WarehouseRefused),
    ],
)
def test_errors_are_told_apart_by_whether_another_try_can_help(error: Error, kind: type[Exception]) -> None:
    client = failing(error)
    calls: tuple[Callable[[], object], ...] = (
        lambda: client.execute("SELECT 1"),
        lambda: client.rows("SELECT 1"),
        lambda: client.frame("SELECT 1"),
        lambda: client.insert(TABLE, [[1]]),
    )
    for call in calls:
        with pytest.raises(kind) as raised:
            call()
        assert type(raised.value) is kind
        assert str(error.args[0]) in str(raised.value)
        assert "hunter2" not in str(raised.value)
        assert isinstance(raised.value, Unavailable) is (kind is not WarehouseRefused)


def test_the_system_says_what_happened_on_the_way() -> None:
    outer = OperationalError("Error executing HTTP request")
    outer.__cause__ = ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(WarehouseUnavailable) as raised:
        failing(outer).execute("x")
    assert str(raised.value) == "the warehouse at http://ch:1/x cannot answer now: Connection refused"


@pytest.mark.parametrize("error", [struct.error("x"), OverflowError("x"), TypeError("x"), ValueError("x")])
def test_a_value_that_does_not_fit_its_column_is_refused(error: Exception) -> None:
    with pytest.raises(WarehouseRefused, match="does not fit its column of t"):
        failing(error).insert(TABLE, [[1]])


def test_the_code_of_a_refusal_is_kept() -> None:
    with pytest.raises(WarehouseRefused) as raised:
        failing(DatabaseError("syntax", code=62)).execute("x")
    assert raised.value.code == 62
