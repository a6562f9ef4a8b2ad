"""A provider's answer to one call, as far as it has come. Who waits for it may change: the caller, then nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from gateway_shim.answer_reading import AnswerReader, read_beginning, read_whole, reader_of
from gateway_shim.formats.answer import Answer, Format
from ingest.clock import Clock
from ingest.events.calls import Call

_MORE_FOLLOWS_S = 1.0
"""How long an answer whose usage looks final is still listened to."""
_NO_ANSWER = 300
"""From this status on nothing was generated: redirects, which are passed on and not followed, and errors."""
FAILURES = (aiohttp.ClientError, TimeoutError, OSError)
"""What a provider that cannot be reached, is silent for too long or breaks off looks like."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """A call that was admitted."""

    call: Call
    format: Format
    body: bytes
    """As the caller sent it."""
    withholds_usage: bool
    """Whether the stream's usage chunk was our wish only."""
    service_tier: str
    """As asked for; it holds where the answer says none."""
    send: Callable[[], Awaitable[aiohttp.ClientResponse]]
    """Puts it on its way to the provider."""
    fetch: Callable[[str], Awaitable[aiohttp.ClientResponse]]
    """Asks the provider for an answer that it works on in the background, by its id."""


class Incoming:
    """`outlives_caller`: whether the request goes on when the task that waits for it is cancelled."""

    def __init__(self, out: Outbound, clock: Clock, outlives_caller: bool) -> None:
        self._out = out
        self._clock = clock
        self._outlives_caller = outlives_caller
        self._sending: asyncio.Future[aiohttp.ClientResponse] | None = None
        self._reader: AnswerReader | None = None
        self._pieces: list[bytes] = []
        self.answer = Answer()
        self.response: aiohttp.ClientResponse | None = None
        self.first_byte: float | None = None
        """Monotonic time of the first byte of the body."""
        self.failure: Exception | None = None
        """What ended `read_on` before its time."""
        self.has_ended = False

    @property
    def is_error(self) -> bool:
        """Whether the provider has answered, and generated nothing."""
        return self.response is not None and self.response.status >= _NO_ANSWER

    @property
    def is_passed_on(self) -> bool:
        """Whether the body goes to the caller as it comes, rather than as a whole."""
        return self._reader is not None

    @property
    def is_generated(self) -> bool:
        """Whether the provider has done its work, as far as is known, so that the rest comes at once."""
        return self.answer.is_over or (self.response is not None and self._reader is None)

    async def begin(self) -> aiohttp.ClientResponse:
        """The head of the answer. Raises one of FAILURES. After a cancellation it may be waited for again."""
        if self.response is None:
            if self._outlives_caller:
                if self._sending is None:
                    self._sending = asyncio.ensure_future(self._out.send())
                self.response = await asyncio.shield(self._sending)
            else:
                self.response = await self._out.send()
            self._open(self.response)
        return self.response

    def take(self, chunk: bytes) -> bytes:
        """Read a piece of the body; what of it goes on to the caller now."""
        if self.first_byte is None:
            self.first_byte = self._clock.monotonic()
        if self._reader is None:
            self._pieces.append(chunk)
            return b""
        return self._reader.feed(chunk)

    def end(self) -> bytes:
        """The body is over; what is left of it to go on."""
        self.has_ended = True
        if self._reader is not None:
            return self._reader.end()
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if not self.is_error and self.response is not None:
            headers = self.response.headers
            read_whole(self.answer, self._out.format, body, headers.get("content-encoding", ""))
            if self._out.format.see_headers is not None:
                self._out.format.see_headers(self.answer, headers)
        return body

    def break_off(self) -> None:
        """Nothing more will come; what there is so far is read to its last byte."""
        if self.has_ended:
            return
        if self._reader is not None:
            self.end()
        elif self._pieces and self.response is not None and not self.is_error:
            self.has_ended = True
            encoding = self.response.headers.get("content-encoding", "")
            read_beginning(self.answer, b"".join(self._pieces), encoding)

    async def read_on(self, seconds: float) -> str:
        """Read to the final usage or the end, for nobody, for at most `seconds`.

        The word for how that went: `drained`, `timeout`, `broken` (see `failure`), or `stopped` by a cancellation, which
        is taken back.
        """
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await self._read_on()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None, "this runs in a task"
            task.uncancel()
            return "stopped"
        except FAILURES as reason:
            if limit.expired():
                return "timeout"
            self.failure = reason
            return "broken"
        return "drained"

    def cut(self) -> None:
        """Close the connection to the provider, unless the answer was read to its end."""
        if self.response is not None:
            self.response.close()
        elif self._sending is not None:
            self._sending.cancel()
            self._sending.add_done_callback(_throw_away)

    async def _read_on(self) -> None:
        if self.has_ended:
            return
        response = await self.begin()
        loop = asyncio.get_running_loop()
        # Some models call every chunk the last (Gemini 1.5's `finishReason`), so that only silence or the end is final.
        silence = asyncio.timeout(None)
        try:
            async with silence:
                async for chunk in response.content.iter_any():
                    self.take(chunk)
                    is_final = self.answer.has_final_usage
                    silence.reschedule(loop.time() + _MORE_FOLLOWS_S if is_final else None)
        except TimeoutError:
            if silence.expired():
                return
            raise
        self.end()

    def _open(self, response: aiohttp.ClientResponse) -> None:
        out = self._out
        usual = "text/event-stream" if out.call.is_stream else "application/json"
        usual = usual if out.format.tells_end else ""  # it may be audio
        content_type = response.headers.get("content-type", usual).lower()
        is_json = _may_be_json(content_type, out.format)
        if not self.is_error and (out.call.is_stream or not is_json):
            encoding = response.headers.get("content-encoding", "")
            self._reader = reader_of(self.answer, out.format, content_type, encoding, out.withholds_usage)


def _may_be_json(content_type: str, format: Format) -> bool:
    """Whether a whole answer is to be read as JSON. Some servers of one's own call theirs a plain text."""
    media_type = content_type.partition(";")[0].strip()
    if media_type in ("application/json", "text/json") or media_type.endswith("+json"):
        return True
    return media_type == "text/plain" and format.tells_end and format.see_text is None


def _throw_away(sending: asyncio.Future[aiohttp.ClientResponse]) -> None:
    if not sending.cancelled() and sending.exception() is None:
        sending.result().close()
