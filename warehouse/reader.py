"""Asking the warehouse: a query value in, a pandas frame out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ingest.clock import Clock
from ingest.errors import SpendstreamError
from warehouse.queries.query import Query

if TYPE_CHECKING:
    import pandas as pd

    from warehouse.client import Client


class WarehouseReader(Protocol):
    """Answers queries. May be shared by threads, blocks while the warehouse thinks."""

    def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:
        """The answer, with the query's columns even when it has no rows.

        Money is `Decimal`, instants are aware. The frame is the caller's own. An answer that is up to `max_age_s`
        seconds old may be given again (None: as the reader likes). Raises WarehouseUnavailable (SchemaMissing before
        the migrations have run), which another try may heal, and WarehouseRefused, which none will.
        """
        ...


class ClickHouseReader:
    """Answers from ClickHouse, each question anew. Connects at the first one, and again after it could not."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._connecting = threading.Lock()

    def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:  # noqa: ARG002 - always fresh
        sql, params = query.to_sql()
        frame = self._connected().frame(sql, params)
        return _as_promised(frame, query)

    def close(self) -> None:
        """Let go of the connections."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client


@dataclass
class _Answer:
    """A question that was asked: its lock lets only one thread ask while others wait for the same answer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    frame: pd.DataFrame | None = None
    read_at: float = 0.0


class CachedReader:
    """Gives an answer again while it is young, so that many viewers and cards cost the warehouse one question.

    Equal queries are one question. Threads that ask the same at once wait for one answer. Errors are not kept. At most
    `entries` answers are held; the one longest unused goes first.
    """

    def __init__(
        self, inner: WarehouseReader, clock: Clock, max_age_s: float = 3.0, entries: int = 256
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._max_age_s = max_age_s
        self._entries = entries
        self._answers: OrderedDict[Query, _Answer] = OrderedDict()
        self._guard = threading.Lock()

    def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:
        limit = self._max_age_s if max_age_s is None else max_age_s
        answer = self._answer(query)
        with answer.lock:
            now = self._clock.monotonic()
            if answer.frame is None or now - answer.read_at > limit:
                answer.frame = self._inner.read(query)
                answer.read_at = now
            # Copy on write: whoever changes this copy changes only that.
            return answer.frame.copy(deep=False)

    def _answer(self, query: Query) -> _Answer:
        with self._guard:
            answer = self._answers.setdefault(query, _Answer())
            self._answers.move_to_end(query)
            while len(self._answers) > self._entries:
                self._answers.popitem(last=False)
            return answer


def _as_promised(frame: pd.DataFrame, query: Query) -> pd.DataFrame:
    """`frame` with the query's columns, which ClickHouse does not name when there is no row, and with aware instants,
    which the driver gives without a zone where the zone is UTC."""
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=list(query.columns))
    if tuple(frame.columns) != query.columns:
        raise SpendstreamError(
            f"{type(query).__name__} promises {', '.join(query.columns)}; the warehouse gave {', '.join(frame.columns)}"
        )
    instants = frame.select_dtypes(include=["datetime", "datetimetz"])
    for name in instants.columns:
        zone = instants[name].dt.tz
        frame[name] = (
            instants[name].dt.tz_localize("UTC") if zone is None else instants[name].dt.tz_convert("UTC")
        )
    return frame
