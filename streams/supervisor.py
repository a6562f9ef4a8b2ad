"""Starts the worker's process again when it ends by itself, and gives up when that does not help.

The worker ends on purpose whenever going on could break a promise, and what it left is a clean start. The supervisor is
a small process without Faust or Kafka. The child holds the other end of a pipe on its standard input: when the
supervisor goes, even by kill -9, the child reads the end of it and stops too.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
from collections.abc import Sequence
from types import FrameType

from ingest.clock import Clock

_LOG = logging.getLogger(__name__)

MAX_CRASHES = 5
WITHIN_S = 60.0
NO_RESTART = 2
"""Exit code of a child that would end the same way again (a setting that cannot be used)."""
FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 8.0
STOP_S = 4.5
"""How long a child may take to stop, in seconds, before it is killed."""


class Restarts:
    """When to start again: pure. `ended` is told when the child has ended."""

    def __init__(
        self,
        max_crashes: int = MAX_CRASHES,
        within_s: float = WITHIN_S,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._max_crashes = max_crashes
        self._within_s = within_s
        self._first_pause_s = first_pause_s
        self._crashes: list[float] = []

    def ended(self, now: float) -> float | None:
        """Seconds to wait before the next start, doubling; None: too many ends within too short a time."""
        self._crashes = [at for at in self._crashes if now - at < self._within_s] + [now]
        if len(self._crashes) >= self._max_crashes:
            return None
        doublings = len(self._crashes) - 1
        return min(self._first_pause_s * float(2**doublings), _LONGEST_PAUSE_S)


class Supervisor:
    """Runs `command` until told to stop by SIGTERM or SIGINT. For the main thread of a process of its own."""

    def __init__(
        self, command: Sequence[str], clock: Clock, restarts: Restarts, stop_s: float = STOP_S
    ) -> None:
        self._command = command
        self._clock = clock
        self._restarts = restarts
        self._stop_s = stop_s
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def run(self) -> int:
        """The exit code for this process: 0 after a stop that was asked for."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        while not self._stopping.is_set():
            code = self._run_once()
            if self._stopping.is_set():
                break
            if code == NO_RESTART:
                return NO_RESTART
            pause = self._restarts.ended(self._clock.monotonic())
            if pause is None:
                _LOG.error(
                    "gave up: the worker's process ended %d times within %g seconds; the reason stands above",
                    MAX_CRASHES,
                    WITHIN_S,
                )
                return 1
            _LOG.warning("the worker's process ended (%s); starting it again in %g s", _describe(code), pause)
            self._stopping.wait(pause)
        return 0

    def _run_once(self) -> int:
        self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE)
        if self._stopping.is_set():  # the signal came while it was being started
            self._child.terminate()
        return self._child.wait()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            signal.setitimer(signal.ITIMER_REAL, self._stop_s)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        if self._child is not None and self._child.poll() is None:
            _LOG.warning("the worker's process did not stop within %g s and was killed", self._stop_s)
            self._child.kill()


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name}"
