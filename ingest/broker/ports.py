"""TCP ports on the loopback interface: is one free, which is, and the one that the controller keeps."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from ingest.broker.errors import PortInUse

LOOPBACK = "127.0.0.1"
VARIABLE = "SPENDSTREAM_KAFKA_PORT"
_SEARCHED = 50  # ports above the wanted one that are tried for the advice in an error


def free_port() -> int:
    """A port that nobody listens on now, chosen by the system."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    return port


def why_taken(port: int) -> str:
    """Why the port cannot be listened on, or an empty text when it can."""
    with socket.socket() as probe:
        # Java sets this as well: connections of a broker that has just ended do not block its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is used by another program"
            return f"cannot be used ({error.strerror})"
    return ""


def client_port(wanted: int) -> int:
    """The port for Kafka's clients: the wanted one, or a free one for 0. PortInUse when it is taken."""
    if wanted == 0:
        return free_port()
    reason = why_taken(wanted)
    if reason:
        raise port_in_use(wanted, reason)
    return wanted


def port_in_use(port: int, reason: str = "is used by another program") -> PortInUse:
    """The error for a taken port, with advice that can be copied."""
    return PortInUse(
        f"port {port} on {LOOPBACK}, wanted for Kafka, {reason}: "
        f"stop that program, or choose another port, for example {VARIABLE}={_next_free(port)}"
    )


def controller_port(remembered: Path, client_port: int) -> int:
    """The port of KRaft's controller: the one of the last start, if it is still free, else a new one.

    Nobody but the broker itself connects to it, so it is not a setting. The file remembers it.
    """
    try:
        port = int(remembered.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        port = 0
    if not 0 < port < 65536 or port == client_port or why_taken(port):
        port = free_port()
        remembered.write_text(f"{port}\n", "ascii")
    return port


def _next_free(port: int) -> int:
    above = range(max(port, 1023) + 1, min(port + _SEARCHED, 65535) + 1)
    return next((candidate for candidate in above if not why_taken(candidate)), 0) or free_port()
