"""The only door to ClickHouse: clickhouse-connect over HTTP, with errors in our own words.

Works the same on a ClickHouse server and on the embedded one. A `Client` may be shared by threads: it keeps no session.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, Error, OperationalError
from clickhouse_connect.driver.httputil import get_pool_manager

from ingest.clock import Clock, SystemClock
from warehouse.address import Address, parse_address
from warehouse.columns import Table
from warehouse.errors import SchemaMissing, WarehouseRefused, WarehouseUnavailable

if TYPE_CHECKING:
    import pandas as pd

Value = str | int | bool | Sequence[str] | Sequence[int] | Sequence[tuple[str, str]]
Params = Mapping[str, Value]

# Both warn of every failed request, which is raised as well: whoever waits says so once.
for _name in ("clickhouse_connect.driver._backend.http_sync", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)

_CONNECT_S = 5
_RETRY_S = 0.1

# ClickHouse's numbers (src/Common/ErrorCodes.cpp) for what can be over in a moment: time, memory, disk, connections,
# merges or replicas behind, a node that starts or stops.
_TRANSIENT = frozenset(
    {159, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286, 319, 394, 722, 745, 999}
)
_UNKNOWN_TABLE, _UNKNOWN_DATABASE = 60, 81

# What serialising a value that does not fit its column raises in clickhouse-connect.
_UNFIT = (ArithmeticError, TypeError, ValueError, AttributeError, struct.error)


class Client:
    """Statements and inserts against one database. Every method blocks and may raise WarehouseUnavailable (worth another
    try), SchemaMissing (a kind of it: run the migrations) or WarehouseRefused (no use)."""

    def __init__(self, address: Address, driver: Any) -> None:
        self.address = address
        self._driver = driver

    @property
    def database(self) -> str:
        return self.address.database

    @property
    def server_version(self) -> str:
        return str(self._driver.server_version)

    def execute(self, sql: str, params: Params | None = None, *, in_database: bool = True) -> None:
        """Run one statement that answers with nothing: DDL, `INSERT … SELECT`."""
        with self._errors():
            self._driver.command(sql, parameters=_bound(params), use_database=in_database)

    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """All rows of one question, as Python values: Decimal for money, aware datetimes where the column has a zone.

        `params` fill `{name:Type}` placeholders; ClickHouse binds them, so that no value becomes SQL.
        """
        with self._errors():
            return [tuple(row) for row in self._driver.query(sql, parameters=_bound(params)).result_rows]

    def frame(self, sql: str, params: Params | None = None) -> pd.DataFrame:
        """The same as a pandas DataFrame; money stays Decimal."""
        with self._errors():
            found: pd.DataFrame = self._driver.query_df(sql, parameters=_bound(params))
            return found

    def insert(self, table: Table, columns: Sequence[Sequence[Any]], token: str = "") -> None:
        """Store `columns` (one sequence for each column of `table`), all of equal length, above 0.

        When it returns, everything is stored. When it raises, that is not known: inserting the very same data with the
        same `token` again is the remedy, and the server drops it if it had been stored. Never use a token for other data.
        """
        # Batches are ours: with the server's own batching a token would be forgotten at another time.
        settings: dict[str, Any] = {"async_insert": 0}
        if token:
            settings["insert_deduplication_token"] = token
        try:
            with self._errors():
                self._driver.insert(
                    table.name,
                    columns,
                    column_names=table.names,
                    column_type_names=table.types,
                    column_oriented=True,
                    settings=settings,
                )
        except _UNFIT as reason:
            raise WarehouseRefused(f"a value does not fit its column of {table.name}: {reason!r}") from reason

    def ping(self) -> bool:
        """Whether it answers at all."""
        return bool(self._driver.ping(timeout=_CONNECT_S))

    def close(self) -> None:
        """Close the connections; the client cannot be used after that."""
        self._driver.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with _translated(self.address):
            yield


def create_client(url: str, *, timeout_s: float = 60.0) -> Client:
    """Connect to `http://user:password@host:port/database`; the database need not be there yet.

    `timeout_s` bounds the wait for the answer to one statement. Raises WarehouseUnavailable when nobody answers,
    WarehouseRefused for a wrong password, InvalidSetting for a URL that is none.
    """
    address = parse_address(url)
    with _translated(address):
        driver: Any = clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            interface=address.scheme,
            username=address.user or None,
            password=address.password,
            compress=not address.is_loopback,
            connect_timeout=_CONNECT_S,
            send_receive_timeout=timeout_s,
            client_name="spendstream",
            # A session would let only one statement run at a time.
            autogenerate_session_id=False,
            # The error itself; we say where.
            show_clickhouse_errors="scrub",
            # Always an instant: a bare DateTime without a zone would be read as local time by whoever gets it.
            tz_mode="aware",
            # A proxy set for the way out of this machine must not be asked for the way to itself.
            pool_mgr=get_pool_manager() if address.is_loopback else None,
        )
    # Only now: connecting with a database that is to be created would be refused.
    driver.database = address.database
    # Whoever calls decides on trying again.
    driver.http_retries = 0
    return Client(address, driver)


def wait_for_warehouse(
    url: str,
    timeout_s: float = 60.0,
    *,
    clock: Clock | None = None,
    on_wait: Callable[[], None] | None = None,
) -> Client:
    """Connect, waiting for the warehouse to start. Blocks; `on_wait` is called once if it does not answer at first.

    Raises WarehouseUnavailable after `timeout_s` seconds, and at once what cannot get better (WarehouseRefused).
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + timeout_s
    address = parse_address(url)
    while True:
        try:
            return create_client(url)
        except WarehouseUnavailable as reason:
            if clock.monotonic() >= deadline:
                raise WarehouseUnavailable(
                    f"the warehouse did not answer at {address} within {timeout_s:g} seconds: {reason}"
                ) from reason
        if on_wait is not None:
            on_wait()
            on_wait = None
        time.sleep(_RETRY_S)


def _bound(params: Params | None) -> dict[str, Any] | None:
    """As clickhouse-connect wants them: a tuple would become a tuple of SQL, and arrays are meant."""
    if params is None:
        return None
    return {name: list(v) if isinstance(v, tuple) else v for name, v in params.items()}


@contextmanager
def _translated(address: Address) -> Iterator[None]:
    try:
        yield
    except Error as reason:
        raise _in_our_words(reason, address) from reason
    except ClickHouseError as reason:
        raise WarehouseRefused(str(reason)) from reason


def _in_our_words(reason: Error, address: Address) -> WarehouseUnavailable | WarehouseRefused:
    text = _text(reason)
    if reason.code in (_UNKNOWN_TABLE, _UNKNOWN_DATABASE):
        return SchemaMissing(
            f"a database or table is missing at {address}; `spendstream migrate` makes it: {text}"
        )
    if reason.code in _TRANSIENT or (reason.code is None and isinstance(reason, OperationalError)):
        return WarehouseUnavailable(f"the warehouse at {address} cannot answer now: {text}")
    return WarehouseRefused(f"the warehouse at {address} refused: {text}", reason.code)


def _text(reason: Error) -> str:
    """The server's own words, or the system's for what happened on the way to it."""
    root: BaseException = reason
    while (deeper := root.__cause__ or root.__context__) is not None:
        root = deeper
    if reason.code is None and isinstance(root, OSError) and root.strerror:
        return root.strerror
    return str(reason).removeprefix(f"Received ClickHouse exception, code: {reason.code}, server response: ")
