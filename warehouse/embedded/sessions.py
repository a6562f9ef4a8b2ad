"""Sessions that clients name (`session_id`): temporary tables, SET and USE that outlive a request.

A request without a session gets a connection of its own and leaves nothing behind. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from ingest.clock import Clock
from warehouse.embedded.ask import SessionName
from warehouse.embedded.errors import ClickHouseError, Code
from warehouse.embedded.native import Connection

MOST_SESSIONS = 1000
"""Kept open at once; the one that has been idle longest makes room."""


@dataclass
class Session:
    """A connection and the database that its last request named; None when a USE may have changed that."""

    connection: Connection
    timeout_s: float
    database: str | None
    busy: bool = False
    idle_since: float = 0.0


class Sessions:
    """The sessions that are open."""

    def __init__(self, open_connection: Callable[[], Connection], clock: Clock) -> None:
        self._open = open_connection
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}

    @contextmanager
    def taken(self, name: SessionName) -> Iterator[Session]:
        """The session for the length of one statement; opened if need be.

        Raises ClickHouseError: 373 while another statement runs in it, 372 when it must exist and does not.
        """
        session = self._take(name)
        try:
            yield session
        finally:
            with self._lock:
                session.busy, session.idle_since = False, self._clock.monotonic()

    def _take(self, name: SessionName) -> Session:
        with self._lock:
            self._close_idle()
            session = self._sessions.get(name.id)
            if session is None:
                if name.must_exist:
                    raise ClickHouseError(Code.SESSION_NOT_FOUND, f"Session {name.id} not found")
                session = self._sessions[name.id] = Session(self._open(), name.timeout_s, database=None)
            if session.busy:
                raise ClickHouseError(
                    Code.SESSION_IS_LOCKED, f"Session {name.id} is locked by a concurrent client"
                )
            session.busy, session.timeout_s = True, name.timeout_s
            return session

    def close(self) -> None:
        """Close all; no statement may run in any."""
        with self._lock:
            for session in self._sessions.values():
                session.connection.close()
            self._sessions.clear()

    def _close_idle(self) -> None:
        now = self._clock.monotonic()
        idle = sorted((s.idle_since, key) for key, s in self._sessions.items() if not s.busy)
        surplus = len(self._sessions) - MOST_SESSIONS + 1
        for at, (since, key) in enumerate(idle):
            if at < surplus or now - since >= self._sessions[key].timeout_s:
                self._sessions.pop(key).connection.close()
