"""Whether work that is there gets done: the watchdog's judgement. Pure.

After a connection reset Faust has been seen to process and never to commit again, and an agent that failed stands still
while its process lives. Neither says so. A position that is behind and has not moved for a while tells both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PATIENCE_S = 30.0


class Progress(NamedTuple):
    """How far something has come, and how far it should."""

    done: int
    wanted: int


class Watch:
    """Looks at progress now and then; `now` is monotonic seconds."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._behind: dict[str, tuple[int, float]] = {}

    def look(self, progress: Mapping[str, Progress], now: float) -> str | None:
        """A sentence about the first thing that is behind and has not moved for too long; None while all is well."""
        behind = {}
        for name, (done, wanted) in progress.items():
            if done < wanted:
                stood_at, since = self._behind.get(name, (done, now))
                behind[name] = (done, since if stood_at == done else now)
        self._behind = behind
        for name, (done, since) in behind.items():
            if now - since >= self._patience_s:
                wanted = progress[name].wanted
                return f"{name} has stood at {done} for {now - since:.0f} seconds although there is work up to {wanted}"
        return None
