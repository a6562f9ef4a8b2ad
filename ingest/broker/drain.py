"""Whose connections a port still serves, so that the broker can be the last to leave.

When everything stops at once, the gateway and the worker still have something to write; a broker that goes first
turns their last moments into errors.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ingest.clock import Clock, SystemClock

_TABLE = Path("/proc/net/tcp")
_ESTABLISHED = "01"
_POLL_S = 0.05


def connections_to(port: int, table: str) -> int:
    """How many established connections `table` (the kernel's IPv4 table, proc(5)) has whose local port is `port`."""
    rows = (line.split() for line in table.splitlines()[1:])
    return sum(
        1
        for row in rows
        if len(row) > 3 and row[3] == _ESTABLISHED and int(row[1].rpartition(":")[2], 16) == port
    )


async def clients_gone(port: int, within_s: float, *, clock: Clock | None = None) -> bool:
    """Waits until nobody is connected to `port`, at most `within_s` seconds; whether they all left.

    Returns at once on a system without the kernel's table: there is nothing to go by.
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + within_s
    while connections_to(port, _table()):
        if clock.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def _table() -> str:
    return _TABLE.read_text("ascii") if _TABLE.exists() else ""
