"""The readiness probe against a socket that answers what a test tells it to."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from ingest.broker.ports import free_port
from ingest.broker.probe import takes_part

Serve = Callable[[bytes], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers one connection with these bytes, then closes it; returns the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threads = []

        def start(answer: bytes) -> int:
            def reply() -> None:
                connection, _ = listener.accept()
                with connection:
                    (size,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
                    connection.recv(size, socket.MSG_WAITALL)
                    connection.sendall(answer)

            thread = threading.Thread(target=reply)
            thread.start()
            threads.append(thread)
            return int(listener.getsockname()[1])

        yield start
        for thread in threads:
            thread.join()


def answer(brokers: int, correlation: int = 1) -> bytes:
    body = struct.pack(">ii", correlation, brokers) + b"\0" * 16
    return struct.pack(">i", len(body)) + body


def test_a_broker_that_lists_itself_takes_part(serve: Serve) -> None:
    assert takes_part(serve(answer(brokers=1)))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(brokers=0), id="not let in yet"),
        pytest.param(answer(brokers=1, correlation=7), id="the answer to something else"),
        pytest.param(answer(brokers=1)[:9], id="breaks off"),
        pytest.param(b"", id="says nothing"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="no Kafka at all"),
    ],
)
def test_anything_else_does_not(serve: Serve, said: bytes) -> None:
    assert not takes_part(serve(said))


def test_nobody_listens() -> None:
    assert not takes_part(free_port())
