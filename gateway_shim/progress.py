"""What streams have used so far, noted every second: what is known of them if this process is killed.

The notes lie beside the spool. Who starts next in this home ends the calls by them; they are estimates, at most a second
and a bit older than the kill. A stream that ends in time strikes its note out.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from gateway_shim.recorder import Recorder
from ingest.events.calls import CallFinished

_LOG = logging.getLogger(__name__)
EVERY_S = 1.0
_AT_ONCE = 20
"""Streams between two pauses in which others go on: 20 take about 0.4 ms."""
LOST = "gateway_lost"
"""The `error_type` of a call whose gateway was killed."""


class Passing(Protocol):
    """A call whose answer is passing."""

    async def so_far(self) -> CallFinished | None:
        """How it would be recorded if nothing more came; None where nothing is known that is not on the log already."""
        ...


class Progress:
    """The streams of this gateway."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._passing: set[Passing] = set()
        self._has_failed = False

    def begin(self, stream: Passing) -> None:
        """An answer begins to pass."""
        self._passing.add(stream)

    def end(self, stream: Passing) -> None:
        """It has ended, and is recorded."""
        self._passing.discard(stream)

    async def run(self) -> None:
        """Without an end."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.note()

    async def note(self) -> None:
        """Note what is known now."""
        known: list[tuple[Passing, str, bytes]] = []
        for number, stream in enumerate(list(self._passing), 1):
            finished = await stream.so_far()
            if finished is not None:
                known.append((stream, finished.call.call_id, self._recorder.as_note(finished)))
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
        # No pause from here on: what has ended meanwhile would be noted after its note was struck out.
        try:
            self._recorder.note({call_id: note for stream, call_id, note in known if stream in self._passing})
        except OSError as reason:
            if not self._has_failed:
                _LOG.warning("what streams have used so far cannot be noted: %s", reason)
            self._has_failed = True
        else:
            self._has_failed = False
