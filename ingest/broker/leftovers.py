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
_PATIENCE_ENDING = 2.0
_POLL = 0.02


def end_leftover(pid_file: Path, properties: Path) -> int | None:
    """SIGTERM, then SIGKILL, a broker that was left behind; its number, or None when there was none.

    Returns when it is gone and its ports are free; BrokerError when it cannot be ended. Needs /proc; does nothing elsewhere.
    """
    try:
        pid = int(pid_file.read_text("ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        pid, command = 0, b"none"
    ours = os.fsencode(properties) in command.split(b"\0")
    if ours:
        _end(pid)
    elif (
        not command
    ):  # a process has no command line any more when it is just ending; its port follows in no time
        _wait_gone(pid, _PATIENCE_ENDING)
    pid_file.unlink(missing_ok=True)
    return pid if ours else None


def _end(pid: int) -> None:
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)  # a stopped process acts on SIGTERM only when it goes on
            if _wait_gone(pid, _PATIENCE):
                return
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise BrokerError(
            f"a broker left behind (process {pid}) belongs to another user: end it, then start again"
        ) from error
    raise BrokerError(f"a broker left behind (process {pid}) does not end: end it, then start again")


def _wait_gone(pid: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not _gone(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _gone(pid: int) -> bool:
    """Whether all threads have ended, and with the last of them every open file and port.

    A zombie counts as gone, since in a container nobody may collect it; its main thread alone does not.
    """
    try:
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return threads <= 1 and state in "ZX"
