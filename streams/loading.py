"""The loader of the warehouse inside the Faust worker's process.

It reads with its own consumer, from positions that the warehouse itself holds, so that neither Faust's offsets nor its
rebalances have a say in what is stored. A warehouse that is away stops only the loading: budgets go on, and the loader
takes up where the warehouse stands once it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ingest.clock import Clock
from ingest.errors import Unavailable

_LOG = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_GOOD_RUN_S = 60.0

Load = Callable[[], Awaitable[None]]
"""Waits for the warehouse, brings its schema up to date and loads without an end. Raises Unavailable when something it
needs goes away; may then be called again."""


class Loading:
    """Runs `load` between `start` and `stop`. An error other than Unavailable goes to `fail`."""

    def __init__(self, load: Load, fail: Callable[[BaseException], None], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._fail = fail
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Call within the running loop."""
        self._task = asyncio.create_task(self._run(), name="loading")

    async def stop(self) -> None:
        """Returns when it has ended; what was not yet stored is loaded by the next run."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            began = self._clock.monotonic()
            try:
                await self._load()
            except Unavailable as reason:
                _LOG.warning("loading stopped: %s; trying again in %g seconds", reason, pause)
            except Exception as error:
                self._fail(error)
                raise
            if self._clock.monotonic() - began > _GOOD_RUN_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
