"""Carries one answer from the thread that runs the statement to the event loop that sends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

from warehouse.embedded.ask import Reply
from warehouse.embedded.errors import ClickHouseError

_AHEAD = 4  # pieces that may wait for a slow reader; then the statement waits


class Exchange:
    """`deliver` belongs to the thread, everything else to the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reply: asyncio.Future[Reply] = self._loop.create_future()
        """Set once the statement has an answer or its first piece; never set when it fails before."""
        self._pieces: asyncio.Queue[bytes | ClickHouseError | None] = asyncio.Queue(_AHEAD)
        self._abandoned = threading.Event()

    def deliver(self, reply: Reply) -> None:
        """Hand over the answer; with pieces, return when the last was taken, or when nobody wants them any more."""
        self._loop.call_soon_threadsafe(self._answer, reply)
        if reply.pieces is None:
            return
        try:
            for piece in reply.pieces:
                if self._abandoned.is_set():
                    return
                self._put(piece)
        except ClickHouseError as error:  # the head is sent; the reader gets it as the end of the body
            self._put(error)
            return
        self._put(None)

    async def pieces(self) -> AsyncIterator[bytes | ClickHouseError]:
        """The pieces as they come; an error is the last."""
        while (piece := await self._pieces.get()) is not None:
            yield piece
            if isinstance(piece, ClickHouseError):
                return

    def abandon(self) -> None:
        """Nobody reads any more: lets the thread go on, which then stops."""
        self._abandoned.set()
        while not self._pieces.empty():
            self._pieces.get_nowait()

    def _answer(self, reply: Reply) -> None:
        if not self.reply.done():
            self.reply.set_result(reply)

    def _put(self, piece: bytes | ClickHouseError | None) -> None:
        asyncio.run_coroutine_threadsafe(self._pieces.put(piece), self._loop).result()
