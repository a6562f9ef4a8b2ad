"""Trying again while something is away, with pauses that grow, and saying so once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ingest.clock import Clock
from ingest.errors import Unavailable

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to try (`give_up_s`), from the first failure on, and how long to pause between tries, in seconds."""

    give_up_s: float = 300.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0


async def persist(
    what: str,
    attempt: Callable[[], Awaitable[T]],
    patience: Patience,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """The answer of `attempt`, which is called again as long as it raises Unavailable.

    `what` is for the log: "storing 120 calls". When patience ends, the last Unavailable is raised. Anything else is
    raised at once.
    """
    failed_at: float | None = None
    pause = patience.first_pause_s
    while True:
        try:
            result = await attempt()
        except Unavailable as reason:
            now = clock.monotonic()
            if failed_at is None:
                failed_at = now
                _LOG.warning("%s has to wait: %s", what, reason)
            if now - failed_at >= patience.give_up_s:
                raise
        else:
            if failed_at is not None:
                _LOG.info("%s goes on after %.1f seconds", what, clock.monotonic() - failed_at)
            return result
        await sleep(pause)
        pause = min(pause * 2, patience.longest_pause_s)
