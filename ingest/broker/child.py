"""A Java process, started and awaited by a thread of its own.

The thread is what ties the process to us: Linux delivers the parent-death signal (see `tether`) when the *thread* that
started the child ends, so a child started from a short-lived thread of a pool would die with it. This thread lives exactly
as long as the child.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, TimeoutError as FutureTimeoutError
from pathlib import Path

_TETHER = Path(__file__).with_name("tether.py")


class Child:
    """Runs `command` in `cwd` with both outputs appended to `log`. OSError when it cannot be started.

    It gets a session of its own, so that a Ctrl-C in the terminal reaches only us and we stop it in order.
    """

    def __init__(self, command: Sequence[str], cwd: Path, log: Path, niceness: int = 0) -> None:
        started: Future[subprocess.Popen[bytes]] = Future()
        self._ended: Future[int] = Future()
        self._ended.set_running_or_notify_cancel()  # a cancelled `await ended()` must not cancel this future
        tethered = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(niceness), *command]
        threading.Thread(
            target=self._live, args=(started, tethered, cwd, log), name="java", daemon=True
        ).start()
        self._process = started.result()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative number of a signal when one ended it."""
        return self._ended.result() if self._ended.done() else None

    def wait(self, seconds: float) -> bool:
        """Block until it has ended, at most `seconds`; whether it has."""
        try:
            self._ended.result(seconds)
        except FutureTimeoutError:
            return False
        return True

    async def ended(self) -> int:
        """Its exit code, once it has ended, on whichever event loop runs. May be cancelled."""
        return await asyncio.wrap_future(self._ended)

    def terminate(self, patience: float) -> None:
        """SIGTERM, and SIGKILL if it has not ended after `patience` seconds; returns when it has ended."""
        self._process.send_signal(signal.SIGTERM)
        if not self.wait(patience):
            self.kill()

    def kill(self) -> None:
        """SIGKILL; returns when it has ended."""
        self._process.kill()
        self._ended.result()

    def _live(
        self, started: Future[subprocess.Popen[bytes]], command: Sequence[str], cwd: Path, log: Path
    ) -> None:
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(process)
        self._ended.set_result(process.wait())
