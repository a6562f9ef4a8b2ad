"""The threads that statements run in: a fixed number, in front of a queue, with an end that is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait


class Work:
    """One statement, waiting for a thread or running in it."""

    def __init__(self, future: Future[None]) -> None:
        self._future = future
        self.ended: asyncio.Future[None] = asyncio.wrap_future(future)
        """Done when the statement is, with its error."""

    def drop(self) -> bool:
        """Take it back. False when it has begun."""
        return self._future.cancel()


class Workers:
    """At most `threads` statements at once; further ones wait their turn."""

    def __init__(self, threads: int) -> None:
        self._statements = ThreadPoolExecutor(threads, "warehouse-statement")
        self._control = ThreadPoolExecutor(1, "warehouse-control")
        self._running: set[Future[None]] = set()
        self._detached: set[asyncio.Task[None]] = set()

    def start(self, call: Callable[[], None]) -> Work:
        """Run a statement as soon as a thread is free."""
        future = self._statements.submit(call)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return Work(future)

    async def control(self, call: Callable[[], None]) -> None:
        """Run something that must not wait behind statements: a cancellation."""
        await asyncio.wrap_future(self._control.submit(call))

    def detach(self, coroutine: Coroutine[None, None, None]) -> None:
        """Let the event loop do something that outlives the request it came from."""
        task = asyncio.ensure_future(coroutine)
        self._detached.add(task)
        task.add_done_callback(self._detached.discard)

    def refuse(self) -> None:
        """Take nothing new and drop what waits; each of these ends as cancelled."""
        self._statements.shutdown(wait=False, cancel_futures=True)

    def drain(self, timeout_s: float) -> bool:
        """Refuse, and give what runs `timeout_s` seconds. Whether all of it ended."""
        self.refuse()
        self._control.shutdown(wait=False)
        return not wait(self._running.copy(), timeout=timeout_s).not_done
