"""Sessions that clients name: one statement at a time, closed when idle, never too many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

import pytest

from ingest.clock import FixedClock
from warehouse.embedded import sessions as module
from warehouse.embedded.ask import SessionName
from warehouse.embedded.errors import ClickHouseError
from warehouse.embedded.native import Connection
from warehouse.embedded.sessions import Sessions


class FakeConnection:
    def __init__(self, number: int) -> None:
        self.number = number
        self.closed = False

    def close(self) -> None:
        self.closed = True


def opened(numbers: Iterator[int], into: list[FakeConnection]) -> Connection:
    into.append(FakeConnection(next(numbers)))
    return cast("Connection", into[-1])


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def connections() -> list[FakeConnection]:
    return []


@pytest.fixture
def sessions(clock: FixedClock, connections: list[FakeConnection]) -> Sessions:
    numbers = count()
    return Sessions(lambda: opened(numbers, connections), clock)


def use(sessions: Sessions, name: SessionName) -> Any:
    """One statement in the session; its connection."""
    with sessions.taken(name) as session:
        return session.connection


def test_a_session_keeps_its_connection(sessions: Sessions) -> None:
    name = SessionName("a", 60.0)
    assert use(sessions, name) is use(sessions, name)
    assert use(sessions, name) is not use(sessions, SessionName("b", 60.0))


def test_two_statements_at_once_are_refused(sessions: Sessions) -> None:
    with (
        sessions.taken(SessionName("a", 60.0)),
        pytest.raises(ClickHouseError, match=r"Code: 373.*Session a is locked"),
    ):
        use(sessions, SessionName("a", 60.0))
    use(sessions, SessionName("a", 60.0))


def test_an_idle_session_is_closed_after_its_time(
    sessions: Sessions, clock: FixedClock, connections: list[FakeConnection]
) -> None:
    use(sessions, SessionName("short", 10.0))
    use(sessions, SessionName("long", 100.0))
    clock.advance(10.0)
    with pytest.raises(ClickHouseError, match=r"Code: 372.*Session short not found"):
        use(sessions, SessionName("short", 10.0, must_exist=True))
    assert [connection.closed for connection in connections] == [True, False]
    use(sessions, SessionName("long", 100.0, must_exist=True))


def test_a_busy_session_is_never_closed(
    sessions: Sessions, clock: FixedClock, connections: list[FakeConnection]
) -> None:
    with sessions.taken(SessionName("a", 10.0)):
        clock.advance(1000.0)
        use(sessions, SessionName("b", 10.0))
        assert not connections[0].closed


def test_the_longest_idle_makes_room(
    sessions: Sessions, clock: FixedClock, connections: list[FakeConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 2)
    for name in ("a", "b", "c"):
        use(sessions, SessionName(name, 60.0))
        clock.advance(1.0)
    assert [connection.closed for connection in connections] == [True, False, False]


def test_closing_closes_all(sessions: Sessions, connections: list[FakeConnection]) -> None:
    use(sessions, SessionName("a", 60.0))
    use(sessions, SessionName("b", 60.0))
    sessions.close()
    assert all(connection.closed for connection in connections)
