"""Asks a broker whether it takes part in its cluster, in Kafka's own protocol and without a client library.

That the port accepts connections is not enough: the controller must have let the broker in ("unfenced" it), which after
kill -9 takes until the session of its predecessor has expired. Only brokers that were let in appear in a Metadata answer.
"""

from __future__ import annotations

import socket
import struct

from ingest.broker.ports import LOOPBACK

_METADATA, _VERSION, _CORRELATION = 3, 1, 1
_CLIENT = b"spendstream-probe"
_NO_TOPICS = 0
_LARGEST_ANSWER = 1 << 20


def takes_part(port: int, patience: float = 1.0) -> bool:
    """Whether the broker on this port lists itself among the living; False for every kind of no answer."""
    header = struct.pack(">hhih", _METADATA, _VERSION, _CORRELATION, len(_CLIENT)) + _CLIENT
    request = header + struct.pack(">i", _NO_TOPICS)
    try:
        with socket.create_connection((LOOPBACK, port), patience) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _exactly(connection, 4))
            if not 8 <= size <= _LARGEST_ANSWER:
                return False
            correlation, brokers = struct.unpack_from(">ii", _exactly(connection, size))
    except OSError:
        return False
    return bool(correlation == _CORRELATION and brokers > 0)


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise ConnectionError("the broker closed the connection")
        content += part
    return bytes(content)
