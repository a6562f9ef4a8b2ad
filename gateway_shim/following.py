"""Keeps a fold current from its topic, and lets a writer wait for its own write to come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ingest.codec import Envelope, decode_event
from ingest.errors import DecodeError, LogUnavailable, Unavailable
from ingest.log import TopicFollower

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0


class TopicFold:
    """Feeds every event of a compacted topic to `apply`.

    `on_unreadable` is told of records that are no event; they change nothing and stop nothing.
    """

    def __init__(
        self, topic: str, apply: Callable[[Envelope], None], on_unreadable: Callable[[], None] = lambda: None
    ) -> None:
        self.topic = topic
        self._current = asyncio.Event()
        self._apply = apply
        self._on_unreadable = on_unreadable
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @property
    def is_current(self) -> bool:
        """Whether everything that was on the topic when we began has been applied."""
        return self._current.is_set()

    async def current(self) -> None:
        """Returns once `is_current`."""
        await self._current.wait()

    async def run(self, make_follower: Callable[[], TopicFollower]) -> None:
        """Follow without an end; begins again when following cannot start."""
        while True:
            follower = make_follower()
            watch = asyncio.create_task(self._note_when_current(follower))
            try:
                async for record in follower.records():
                    if record.value is not None:
                        self._take(record.value)
            except LogUnavailable as reason:
                _LOG.warning("%s; trying again", reason)
            finally:
                watch.cancel()
            await asyncio.sleep(_RETRY_S)

    def expect(self, event_id: str) -> asyncio.Future[None]:
        """A future that is done once the event of that id has been applied. Ask before writing it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[event_id] = future
        future.add_done_callback(lambda _: self._waiting.pop(event_id, None))
        return future

    def _take(self, value: bytes) -> None:
        try:
            envelope = decode_event(value)
        except DecodeError as reason:
            _LOG.error("a record on %s cannot be read: %s", self.topic, reason)
            self._on_unreadable()
            return
        self._apply(envelope)
        waiting = self._waiting.get(envelope.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _note_when_current(self, follower: TopicFollower) -> None:
        await follower.caught_up()
        self._current.set()
        _LOG.info("%s is read to its end", self.topic)


async def come_back(applied: asyncio.Future[None], timeout_s: float) -> None:
    """Wait for `expect`'s future; raises Unavailable after `timeout_s` seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            await applied
    except TimeoutError:
        raise Unavailable(
            f"the change was written but did not come back within {timeout_s:g} seconds; it will take effect"
        ) from None
