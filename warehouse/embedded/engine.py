"""The owner of a folder: opens the engine on it, runs what is asked in sessions of their own, cancels, closes.

`Store.run` blocks and belongs in a thread; any number of threads may call it at once, each statement has its own
connection. ClickHouse's durability is that of a server with its defaults: an INSERT that returned has survived every
`kill -9` (tested), a power failure may take the last seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from ingest.clock import Clock, SystemClock
from warehouse.embedded.ask import CANCEL_MARK, Ask, ExternalTable, Reply
from warehouse.embedded.config import Limits, write_config
from warehouse.embedded.errors import ClickHouseError, Code, StoreBroken
from warehouse.embedded.guard import HOME_DATABASE, refuse, refuse_database
from warehouse.embedded.lock import FolderLock
from warehouse.embedded.native import Answer, Connection
from warehouse.embedded.sessions import Sessions
from warehouse.embedded.settings import apply_settings, borrowed_settings, identifier, literal
from warehouse.embedded.statements import read_statement

STREAMED_FORMATS = frozenset(
    {"csv", "jsoneachrow", "jsonlines", "ndjson", "native", "rowbinary", "tabseparated", "tabseparatedraw", "tsv", "tsvraw"}
)  # fmt: skip
"""Formats (lower case) whose blocks, one after the other, are the whole answer."""

_FIRST_BYTES = 1024**2
_PLAIN_DATABASE = re.compile(r"[A-Za-z0-9_]+\Z")


class Store:
    """One folder and the engine on it. `version` is ClickHouse's, known once it is open."""

    def __init__(self, path: Path, limits: Limits | None = None, clock: Clock | None = None) -> None:
        self.path = path.absolute()
        self.version = ""
        self._limits = limits or Limits()
        self._lock = FolderLock(self.path / "lock")
        self._options: dict[str, str] = {}
        self._keeper: Connection | None = None
        self._sessions = Sessions(self._connect, clock or SystemClock())

    def open(self) -> None:
        """Create or reopen. Raises StoreHeld, StoreBroken, EngineMissing."""
        if set(str(self.path)) & {"?", "&"}:
            raise StoreBroken(f"the engine cannot open a folder with ? or & in its name: {self.path}")
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.acquire()
        try:
            self._options = {"config-file": str(write_config(self.path / "config", self._limits))}
            self._keeper = Connection(str(self.path / "data"), self._options)
            self._keeper.query(f"CREATE DATABASE IF NOT EXISTS {HOME_DATABASE}", "Null")
            self.version = self._keeper.query("SELECT version()", "TSVRaw").body.decode().strip()
        except ClickHouseError as error:
            self.close()
            raise StoreBroken(f"the engine does not open {self.path}: {error.reason}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Shut the engine down. No statement may run any more."""
        self._sessions.close()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        self._lock.release()

    def run(self, ask: Ask, deliver: Callable[[Reply], None]) -> None:
        """Run one statement and hand its answer to `deliver`, which reads `pieces` before it returns.

        Raises ClickHouseError: refused by the guard, refused by the engine, or failed.
        """
        if ask.database is not None:
            refuse_database(ask.database)
        refuse(ask.statement)
        with self._connection(ask) as connection:
            for table in ask.tables:
                _create(connection, table)
            try:
                deliver(_run(connection, ask))
            finally:
                connection.end_stream()

    def cancel(self, query_id: str) -> None:
        """Stop the statement with this id, if it runs. Its `run` raises ClickHouseError 394."""
        self._kill(f"Settings[{literal(CANCEL_MARK)}] = {literal(query_id)}")

    def cancel_all(self) -> None:
        """Stop everything that runs; nothing of it was acknowledged."""
        self._kill("query_id != queryID()")

    def _kill(self, condition: str) -> None:
        connection = self._connect()
        try:
            connection.query(f"KILL QUERY WHERE {condition} ASYNC", "Null")
        finally:
            connection.close()

    def _connect(self, database: str | None = None, read_only: bool = False) -> Connection:
        """A session of the engine. `read_only` is ClickHouse's `readonly=2`: it reads, and changes its settings."""
        known = database if database and _PLAIN_DATABASE.match(database) else HOME_DATABASE
        options = {**self._options, "database": known, **({"readonly": "2"} if read_only else {})}
        connection = Connection(str(self.path / "data"), options)
        if database and database != known:
            try:
                _use(connection, database)
            except ClickHouseError:
                connection.close()
                raise
        return connection

    @contextmanager
    def _connection(self, ask: Ask) -> Iterator[Connection]:
        """A connection with the settings that `ask` brings; nothing of them is left behind."""
        if ask.session is None:
            connection = self._connect(ask.database, ask.read_only)
            try:
                apply_settings(connection, ask)
                yield connection
            finally:
                connection.close()
            return
        with self._sessions.taken(ask.session) as session, borrowed_settings(session.connection, ask):
            if ask.database and ask.database != session.database:
                _use(session.connection, ask.database)
                session.database = ask.database
            if ask.statement.verb == "USE":
                session.database = None
            try:
                yield session.connection
            finally:
                for table in ask.tables:
                    _drop(session.connection, table)


def _run(connection: Connection, ask: Ask) -> Reply:
    statement, format = ask.statement, ask.format
    if statement.data_format is not None:
        if ask.read_only and ask.session is not None:
            raise _read_only()
        return Reply(connection.insert(statement.sql, statement.data_format, statement.data))
    reads = connection.check(statement.sql) == "READ_ONLY"
    if ask.read_only and ask.session is not None and not reads:
        raise _read_only()
    if reads and statement.reads and not ask.whole and ask.output_format.lower() in STREAMED_FORMATS:
        return _streamed(connection.stream(statement.sql, format, ask.parameters))
    return Reply(connection.query(statement.sql, format, ask.parameters))


def _streamed(pieces: Iterator[Answer]) -> Reply:
    """What fits into the first `_FIRST_BYTES` is a whole answer; what is wrong with a statement mostly shows before."""
    begun, cost = bytearray(), Answer()
    for piece in pieces:
        begun += piece.body
        cost = piece if piece.result_rows else cost  # the last piece only ends the format
        if len(begun) > _FIRST_BYTES:
            rest: Iterator[bytes] = (piece.body for piece in pieces)
            return Reply(pieces=chain((bytes(begun),), rest))
    return Reply(replace(cost, body=bytes(begun)))


def _create(connection: Connection, table: ExternalTable) -> None:
    """A temporary table with the data that came along."""
    name = identifier(table.name)
    create = read_statement(f"CREATE TEMPORARY TABLE {name} ({table.structure}) ENGINE = Memory".encode())
    refuse(create)
    connection.query(create.sql, "Null")
    connection.insert(f"INSERT INTO {name}".encode(), table.format, (table.data,))


def _drop(connection: Connection, table: ExternalTable) -> None:
    connection.query(f"DROP TEMPORARY TABLE IF EXISTS {identifier(table.name)}", "Null")


def _use(connection: Connection, database: str) -> None:
    connection.query(f"USE {identifier(database)}", "Null")


def _read_only() -> ClickHouseError:
    return ClickHouseError(
        Code.READONLY, "Cannot execute query in readonly mode. For queries over HTTP, send a POST"
    )
