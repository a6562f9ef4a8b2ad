"""The only home of chdb: connections to its engine, with errors as ClickHouseError and answers as bytes.

The public wrapper `chdb.connect` has no way to classify a statement and imports pyarrow (0.2 s, 40 MB), so this uses the
extension that the wrapper itself uses, and exactly the methods that `_Raw` names. chdb is pinned by hash.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from warehouse.embedded.errors import ClickHouseError, Code, EngineMissing, from_engine

_PIECE = 4 * 1024**2  # bytes handed to the engine at once


class _Raw(Protocol):
    """What is used of the extension's connection. Every method raises RuntimeError with ClickHouse's text."""

    def query(self, sql: bytes, format: str, *, params: dict[str, str]) -> Any: ...
    def send_query(self, sql: bytes, format: str, *, params: dict[str, str]) -> Any: ...
    def streaming_fetch_result(self, stream: Any) -> Any: ...
    def streaming_cancel_query(self, stream: Any) -> None: ...
    def send_insert(self, sql: bytes, format: str) -> Any: ...
    def insert_append(self, insert: Any, data: bytes) -> None: ...
    def insert_done(self, insert: Any) -> Any: ...
    def insert_cancel(self, insert: Any) -> None: ...
    def classify_query(self, sql: bytes) -> dict[str, Any]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What a statement gave back, and what it cost. Rows and bytes are ClickHouse's counts."""

    body: bytes = b""
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_s: float = 0.0


class Connection:
    """One session of the engine: its database, settings and temporary tables are its own.

    Cheap (0.15 ms to open and close). One thread at a time. Every method raises ClickHouseError; opening the first
    may raise EngineMissing.
    """

    def __init__(self, path: str, options: Mapping[str, str]) -> None:
        # Here and not above: it takes 0.2 s and 240 MB. The engine reads TZ when it is loaded, and all is UTC here.
        os.putenv("TZ", "UTC")
        try:
            from chdb import _chdb
        except ImportError as error:
            raise EngineMissing(
                "the embedded warehouse needs chdb, which cannot be loaded "
                f"({error}); install spendstream[embedded], or set SPENDSTREAM_CLICKHOUSE to a server of your own"
            ) from None

        text = "&".join(f"{name}={value}" for name, value in options.items())
        self._streaming: Generator[Answer, None, None] | None = None
        try:
            self._raw = cast("_Raw", cast("Any", _chdb).connect(f"{path}?{text}"))
        except RuntimeError as error:
            raise from_engine(str(error)) from None

    def query(self, sql: bytes | str, format: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """Run one statement to its end; the answer is whole."""
        try:
            result = self._raw.query(_encoded(sql), format, params=dict(parameters or {}))
        except RuntimeError as error:
            raise from_engine(str(error)) from None
        return _answer(result, result.bytes())

    def stream(self, sql: bytes, format: str, parameters: Mapping[str, str]) -> Iterator[Answer]:
        """Run a SELECT and yield its answer in pieces. Only for formats whose pieces add up to a whole.

        The connection runs nothing else until the pieces are read to their end, or `end_stream`.
        """
        self.end_stream()
        self._streaming = self._stream(sql, format, parameters)
        return self._streaming

    def end_stream(self) -> None:
        """Stop what `stream` began, if it is not at its end. Left to the garbage collector, it can block for ever."""
        if self._streaming is not None:
            self._streaming.close()
            self._streaming = None

    def _stream(
        self, sql: bytes, format: str, parameters: Mapping[str, str]
    ) -> Generator[Answer, None, None]:
        running = None
        try:
            running = self._raw.send_query(sql, format, params=dict(parameters))
            while (piece := self._raw.streaming_fetch_result(running)) is not None:
                yield _answer(piece, piece.bytes())
                if piece.rows_read() == 0:  # it ended the format, with totals for example
                    break
            running = None
        except RuntimeError as error:
            running = None
            raise from_engine(str(error)) from None
        finally:
            if running is not None:
                self._raw.streaming_cancel_query(running)

    def insert(self, sql: bytes, format: str, data: Iterable[bytes | memoryview]) -> Answer:
        """Run an INSERT with the data that follows it. Nothing is inserted when this raises before the end of data."""
        try:
            insert = self._raw.send_insert(sql, format)
        except RuntimeError as error:
            raise from_engine(str(error)) from None
        done = False
        try:
            for piece in _pieces(data):
                self._raw.insert_append(insert, piece)
            result = self._raw.insert_done(insert)
            done = True
        except RuntimeError as error:
            done = True  # the engine has closed it
            raise from_engine(str(error)) from None
        finally:
            if not done:
                self._raw.insert_cancel(insert)
        return _answer(result, b"")

    def check(self, sql: bytes) -> str:
        """The engine's own class of a statement (READ_ONLY, MUTATING, …), by parsing it, without running it.

        Raises ClickHouseError (62) when the text holds several statements.
        """
        found = self._raw.classify_query(sql)
        if found["statement_count"] > 1:
            raise ClickHouseError(
                Code.SYNTAX_ERROR, "Multi-statements are not allowed: send one statement a request"
            )
        return str(found["query_class"].name)

    def close(self) -> None:
        """Ends the session. The last one to close shuts the engine down, with everything on the disk."""
        self.end_stream()
        self._raw.close()


def _answer(result: Any, body: bytes) -> Answer:
    return Answer(
        body=body,
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        elapsed_s=result.elapsed(),
    )


def _encoded(sql: bytes | str) -> bytes:
    return sql.encode("utf-8", "surrogateescape") if isinstance(sql, str) else sql


def _pieces(data: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    for part in data:
        for at in range(0, len(part), _PIECE):
            yield bytes(part[at : at + _PIECE])
