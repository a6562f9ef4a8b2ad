"""Log lines of the libraries, each once in a while.

While Kafka is away its client says so some fifty times a second, in four different lines. One of each is enough.
"""

from __future__ import annotations

import logging

from typing_extensions import override

from ingest.clock import Clock

LIBRARIES = ("aiokafka", "faust", "mode")
EVERY_S = 10.0


class OncePerWhile(logging.Filter):
    """Lets a line of a library through when the same one (its text before the arguments) has not come for `every_s`
    seconds, with the number of those that were left out in between. Lines of our own always pass."""

    def __init__(self, clock: Clock, every_s: float = EVERY_S) -> None:
        super().__init__()
        self._clock = clock
        self._every_s = every_s
        self._last: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in LIBRARIES:
            return True
        line, now = (record.name, str(record.msg)), self._clock.monotonic()
        if now - self._last.get(line, now - self._every_s) < self._every_s:
            self._left_out[line] = self._left_out.get(line, 0) + 1
            return False
        self._last[line] = now
        if left_out := self._left_out.pop(line, 0):
            record.msg = f"{record.getMessage()} (and {left_out} more like it)"
            record.args = None
        return True
