"""Ends a broker of ours that outlived its parent, and nothing else.

The file `broker.pid` names the Java process of a folder. A number alone proves nothing, since the system gives numbers out
again, so a process is touched only if its command line names this folder's own `server.properties`. The caller holds the
folder's lock: hence the parent of any such process is dead.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from ingest.broker.errors import BrokerError

_PATIENCE = 10.0  # seconds for an orderly end; SIGTERM usually takes half a second
_POLL = 0.05


def left_behind(pid_file: Path, properties: Path) -> int | None:
    """The number of a living broker that belongs to this folder, or None. Needs /proc; elsewhere always None."""
    try:
        pid = int(pid_file.read_text("ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(properties) in command.split(b"\0") else None


def end_leftover(pid_file: Path, properties: Path) -> int | None:
    """SIGTERM, then SIGKILL, a broker that was left behind; its number, or None when there was none.

    Returns when it is gone; BrokerError when it cannot be ended.
    """
    pid = left_behind(pid_file, properties)
    if pid is not None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if _gone_after(number, pid, pid_file, properties):
                break
        else:
            raise BrokerError(f"a broker left behind (process {pid}) does not end: end it, then start again")
    pid_file.unlink(missing_ok=True)
    return pid


def _gone_after(number: signal.Signals, pid: int, pid_file: Path, properties: Path) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise BrokerError(
            f"a broker left behind (process {pid}) belongs to another user: end it, then start again"
        ) from error
    deadline = time.monotonic() + _PATIENCE
    while left_behind(pid_file, properties) == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
