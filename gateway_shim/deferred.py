"""Answers that a provider works on in the background (OpenAI, guide *Background mode*): what they have used is known only
when they are done, and whoever fetches them then is not metered. So the gateway asks for them itself, until they are.

A process that is killed meanwhile leaves the call open, as any other that was on its way.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine

import aiohttp

from gateway_shim.answer_reading import read_whole
from gateway_shim.formats.answer import Answer, Format

_LOG = logging.getLogger(__name__)
FIRST_S = 1.0
_LONGEST_WAIT_S = 20.0
LIMIT_S = 3000.0
"""Less than the hour after which the worker takes a call for lost."""
MOST = 1000
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_GONE = frozenset({400, 401, 403, 404, 410})
_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)

Fetch = Callable[[str], Awaitable[aiohttp.ClientResponse]]
"""Asks the provider for the answer of this id."""


class Deferred:
    """The answers that are waited for."""

    def __init__(self, first_s: float = FIRST_S, limit_s: float = LIMIT_S) -> None:
        self.first_s = first_s
        """Seconds until an answer is asked for first; then twice as long each time."""
        self.limit_s = limit_s
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def has_room(self) -> bool:
        """Whether one more may be waited for."""
        return len(self._tasks) < MOST

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Let `work` go on without anybody waiting for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel what is waited for; each records its call as far as it is known."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def outcome(self, fetch: Fetch, format: Format, response_id: str) -> Answer | None:
        """The answer once it is over; None when it is not within `limit_s` seconds, or is there no more."""
        if not _ID.fullmatch(response_id):
            return None
        wait_s = self.first_s
        try:
            async with asyncio.timeout(self.limit_s):
                while True:
                    await asyncio.sleep(wait_s)
                    wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
                    status, answer = await _asked(fetch, format, response_id)
                    if status in _GONE:
                        return None
                    if answer is not None and answer.is_over:
                        return answer
        except TimeoutError:
            return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("waiting for a background answer has failed", exc_info=task.exception())


async def _asked(fetch: Fetch, format: Format, response_id: str) -> tuple[int, Answer | None]:
    """(status, the answer as it is now); a provider that does not answer is asked again later."""
    try:
        response = await fetch(response_id)
        try:
            body = await response.read()
        finally:
            response.close()
    except _FAILURES as reason:
        _LOG.info("a background answer could not be asked for: %r", reason)
        return 0, None
    if response.status != 200:
        return response.status, None
    answer = Answer()
    read_whole(answer, format, body, response.headers.get("content-encoding", ""))
    return response.status, answer
