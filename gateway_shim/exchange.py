"""One metered call on its way: forwarded, answered while it is read, and recorded exactly once.

The record is written before the caller gets the answer's last byte, so that nobody ever holds an answer that was not
recorded. When the caller leaves, the connection to the provider is closed at once; only if the provider has already
said that its answer is over, the usage that follows is waited for briefly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from gateway_shim import asgi
from gateway_shim.answer_reading import AnswerReader, read_whole, reader_of
from gateway_shim.error_words import error_word
from gateway_shim.formats.answer import Answer, Format
from gateway_shim.headers import CALL_ID_HEADER, sent_back
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.settlement import NOTHING, Settled, settle, stream_outcome
from ingest.clock import Clock
from ingest.events.calls import Call, CallFinished, Outcome

_DRAIN_S = 1.0
_MAX_TEXT = 200
_NO_ANSWER = 300
"""From this status on nothing was generated: redirects, which are passed on and not followed, and errors."""
CLIENT_CLOSED = 499
"""The status of a call whose caller left before an answer began (nginx's)."""


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


class Exchange:
    """For one call. `started` is the monotonic time at which the request was read."""

    def __init__(
        self, outbound: Outbound, clock: Clock, started: float, record: Callable[[CallFinished], None]
    ) -> None:
        self._out = outbound
        self._clock = clock
        self._started = started
        self._record = record
        self._answer = Answer()
        self._reader: AnswerReader | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._first_byte: float | None = None
        self._is_recorded = False

    async def run(self, receive: asgi.Receive, send: asgi.Send) -> None:
        """Until the call has ended, one way or another. Raises Rejected where the caller is to get an error of ours."""
        watch = asgi.ClientWatch(receive)
        try:
            await self._forward(send)
            watch.disarm()
        except asyncio.CancelledError:
            # The caller has gone, or the gateway stops: either way this call ends here and nobody waits for it.
            watch.task.uncancel()
            await self._settle_abort()
        finally:
            watch.stop()
            if not self._is_recorded:  # an error of ours: let it be seen, but not lose the call
                self._write_down(NOTHING, Outcome.ABORTED, None, "internal")
            if self._response is not None:
                self._response.close()

    async def _forward(self, send: asgi.Send) -> None:
        try:
            response = self._response = await self._out.send()
        except (aiohttp.ClientError, TimeoutError, OSError) as reason:
            rejected = _failed(reason, self._out.call)
            self._finish(Outcome.ERROR, rejected.fault.status, rejected.fault.word)
            raise rejected from reason
        content_type = response.headers.get("content-type", "").lower()
        is_json = content_type.startswith("application/json")
        streams = self._out.call.is_stream or not is_json
        if response.status >= _NO_ANSWER or not streams:
            await self._answer_whole(response, send)
        else:
            await self._answer_stream(response, content_type, send)

    async def _answer_whole(self, response: aiohttp.ClientResponse, send: asgi.Send) -> None:
        is_error = response.status >= _NO_ANSWER
        try:
            body = await response.content.readany()
            self._first_byte = self._clock.monotonic()
            if not response.content.at_eof():
                body += await response.content.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as reason:
            rejected = _failed(reason, self._out.call)
            outcome = Outcome.ERROR if is_error else Outcome.ABORTED
            self._finish(outcome, rejected.fault.status, rejected.fault.word)
            raise rejected from reason
        if is_error:
            self._finish(Outcome.ERROR, response.status, error_word(body))
        else:
            read_whole(self._answer, self._out.format, body, response.headers.get("content-encoding", ""))
            self._finish(Outcome.ABORTED if self._answer.error_type else Outcome.OK)
        await asgi.start(send, response.status, sent_back(response.raw_headers, self._out.call.call_id))
        await asgi.body(send, body)

    async def _answer_stream(
        self, response: aiohttp.ClientResponse, content_type: str, send: asgi.Send
    ) -> None:
        out = self._out
        encoding = response.headers.get("content-encoding", "")
        reader = self._reader = reader_of(
            self._answer, out.format, content_type, encoding, out.withholds_usage
        )
        headers = sent_back(response.raw_headers, out.call.call_id)
        if out.withholds_usage:
            headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
        await asgi.start(send, response.status, headers)
        try:
            async for chunk in response.content.iter_any():
                if self._first_byte is None:
                    self._first_byte = self._clock.monotonic()
                passing = reader.feed(chunk)
                if passing:
                    await asgi.body(send, passing, more=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as reason:
            # The caller's connection breaks too (the response is never completed): a clean end would say "in full".
            reader.end()
            self._finish(Outcome.ABORTED, error_type=_failed(reason, out.call).fault.word)
            return
        rest = reader.end()
        self._finish(stream_outcome(self._answer))
        await asgi.body(send, rest)

    async def _settle_abort(self) -> None:
        """The caller is gone: what has it cost?"""
        answer = self._answer
        if self._is_recorded:
            return
        if self._response is None:
            self._finish(Outcome.ABORTED, CLIENT_CLOSED, "client_closed")
            return
        if self._response.status >= _NO_ANSWER:
            self._finish(Outcome.ERROR, error_type="client_closed")
            return
        if self._reader is not None:
            if answer.is_over and not answer.has_final_usage:
                await self._drain(self._response, self._reader)
            self._reader.end()
        has_all = answer.is_over and answer.has_final_usage
        self._finish(
            Outcome.OK if has_all else Outcome.ABORTED, error_type="" if has_all else "client_closed"
        )

    async def _drain(self, response: aiohttp.ClientResponse, reader: AnswerReader) -> None:
        try:
            async with asyncio.timeout(_DRAIN_S):
                async for chunk in response.content.iter_any():
                    reader.feed(chunk)
                    if self._answer.has_final_usage:
                        return
        except (aiohttp.ClientError, TimeoutError, OSError):
            return  # then it stays an estimate, marked as one

    def _finish(self, outcome: Outcome, status: int | None = None, error_type: str = "") -> None:
        """Write the call's end down; only the first word counts."""
        if self._is_recorded:
            return
        settled = settle(self._out.format, outcome, self._answer, self._out.body)
        self._write_down(settled, outcome, status, error_type)

    def _write_down(self, settled: Settled, outcome: Outcome, status: int | None, error_type: str) -> None:
        self._is_recorded = True
        out, answer = self._out, self._answer
        if status is None:
            status = self._response.status if self._response is not None else 0
        self._record(
            CallFinished(
                call=out.call,
                finished_at=self._clock.now(),
                outcome=outcome,
                http_status=status,
                latency_ms=self._milliseconds(self._clock.monotonic()),
                ttft_ms=None if self._first_byte is None else self._milliseconds(self._first_byte),
                usage=settled.usage,
                is_estimated=settled.is_estimated,
                response_model=answer.model[:_MAX_TEXT],
                response_id=answer.response_id[:_MAX_TEXT],
                service_tier=(answer.service_tier or out.service_tier)[:_MAX_TEXT],
                provider_cost_usd=answer.cost_usd,
                error_type=(error_type or answer.error_type)[:_MAX_TEXT],
            )
        )

    def _milliseconds(self, moment: float) -> int:
        return max(0, round((moment - self._started) * 1000))


def _failed(reason: Exception, call: Call) -> Rejected:
    """The words for a call that the provider did not answer, or not in full."""
    provider, headers = call.provider, {CALL_ID_HEADER: call.call_id}
    if isinstance(reason, TimeoutError):
        return Rejected(Fault.TIMEOUT, f"{provider} did not answer in time", headers)
    if isinstance(reason, aiohttp.ClientConnectorError):
        return Rejected(Fault.CONNECT, f"{provider} cannot be reached", headers)
    return Rejected(Fault.UPSTREAM_BROKE, f"{provider} broke off before its answer was complete", headers)
