"""One metered call on its way: forwarded, answered while it is read, and recorded exactly once.

The record is written before the caller gets the answer's last byte, so that nobody ever holds an answer that was not
recorded. When the caller leaves, the connection to the provider is cut, or the answer is read on, as `aborting` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from msgspec.structs import replace

from gateway_shim import asgi
from gateway_shim.aborting import Drains, OnAbort
from gateway_shim.deferred import Deferred
from gateway_shim.error_words import error_word
from gateway_shim.estimate import Estimate, Estimator
from gateway_shim.headers import CALL_ID_HEADER, sent_back
from gateway_shim.incoming import FAILURES, Incoming, Outbound
from gateway_shim.kept_text import KeptText
from gateway_shim.progress import LOST, Progress
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.settlement import NOTHING, Settled, Unsettled, settle, settle_at_once, stream_outcome
from gateway_shim.tokenizer import tokens_of
from ingest.clock import Clock
from ingest.events.calls import Call, CallFinished, Outcome
from ingest.usage import TokenUsage

_USAGE_FOLLOWS_S = 1.0
"""How long the rest of an answer is waited for that the provider has finished, although nobody wants it any more."""
_MAX_TEXT = 200
CLIENT_CLOSED = 499
"""The status of a call whose caller left before an answer began (nginx's)."""
_LEFT = "client_closed"
_STOPPED = "gateway_stopped"
_NOT_SEEN = "background_not_seen"
"""Of a background response that could not be fetched when it was done."""


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What an exchange needs to tell what its call has used, and to write it down."""

    clock: Clock
    estimator: Estimator
    drains: Drains
    progress: Progress
    deferred: Deferred
    record: Callable[[CallFinished], None]


class Exchange:
    """For one call. `started` is the monotonic time at which the request was read."""

    def __init__(self, outbound: Outbound, books: Bookkeeping, started: float) -> None:
        call = outbound.call
        self._out = outbound
        self._books = books
        self._started = started
        self._on_abort = books.drains.policy.of(call.provider, call.is_stream)
        self._incoming = Incoming(outbound, books.clock, self._on_abort is OnAbort.DRAIN)
        self._is_recorded = False
        self._is_deferred = False
        self._request_tokens: int | None = None

    async def run(self, receive: asgi.Receive, send: asgi.Send) -> None:
        """Until the call has ended, one way or another. Raises Rejected where the caller is to get an error of ours."""
        watch = asgi.ClientWatch(receive)
        try:
            await self._forward(send)
            watch.disarm()
        except asyncio.CancelledError:
            # The caller has gone, or the gateway stops: either way this call ends here and nobody waits for it.
            watch.task.uncancel()
            await self._abandoned(_LEFT if watch.has_left else _STOPPED)
        finally:
            watch.stop()
            if (
                not self._is_recorded and not self._is_deferred
            ):  # an error of ours: let it be seen, but not lose the call
                self._write_down(NOTHING, Outcome.ABORTED, None, "internal")
            self._incoming.cut()

    async def _forward(self, send: asgi.Send) -> None:
        try:
            response = await self._incoming.begin()
        except FAILURES as reason:
            rejected = _failed(reason, self._out.call)
            # Asked, and silent for longer than we wait: it may work on and bill, as when the caller is the one to leave.
            outcome = Outcome.ABORTED if isinstance(reason, aiohttp.SocketTimeoutError) else Outcome.ERROR
            await self._finish(outcome, rejected.fault.status, rejected.fault.word)
            raise rejected from reason
        if self._incoming.is_passed_on:
            await self._pass_on(response, send)
        else:
            await self._answer_whole(response, send)

    async def _answer_whole(self, response: aiohttp.ClientResponse, send: asgi.Send) -> None:
        incoming = self._incoming
        try:
            async for chunk in response.content.iter_any():
                incoming.take(chunk)
        except FAILURES as reason:
            incoming.break_off()
            rejected = _failed(reason, self._out.call)
            outcome = Outcome.ERROR if incoming.is_error else Outcome.ABORTED
            await self._finish(outcome, rejected.fault.status, rejected.fault.word)
            raise rejected from reason
        body = incoming.end()
        if incoming.is_error:
            await self._finish(Outcome.ERROR, response.status, error_word(body))
        elif not self._defer():
            answer = incoming.answer
            await self._finish(stream_outcome(answer) if answer.error_type else Outcome.OK)
        await asgi.start(send, response.status, sent_back(response.raw_headers, self._out.call.call_id))
        await asgi.body(send, body)

    async def _pass_on(self, response: aiohttp.ClientResponse, send: asgi.Send) -> None:
        out, incoming = self._out, self._incoming
        headers = sent_back(response.raw_headers, out.call.call_id)
        if out.withholds_usage:
            headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
        await asgi.start(send, response.status, headers)
        self._books.progress.begin(self)
        try:
            async for chunk in response.content.iter_any():
                passing = incoming.take(chunk)
                if passing:
                    await asgi.body(send, passing, more=True)
        except FAILURES as reason:
            # The caller's connection breaks too (the response is never completed): a clean end would say "in full".
            incoming.break_off()
            if not self._defer():
                await self._finish(Outcome.ABORTED, error_type=_failed(reason, out.call).fault.word)
            return
        rest = incoming.end()
        await self._finish(stream_outcome(incoming.answer))
        await asgi.body(send, rest)

    async def _abandoned(self, why: str) -> None:
        """Nobody waits for the answer: let it go, or read it on, and write down what it has cost."""
        if self._is_recorded or self._is_deferred:
            return
        incoming, answer = self._incoming, self._incoming.answer
        has_ended, was_over = incoming.is_passed_on and incoming.has_ended, answer.is_over
        how = await self._let_go(why)
        incoming.cut()  # before anything is counted: the provider is not to go on meanwhile
        incoming.break_off()
        self._books.drains.ended(self._out.call.provider, how)
        if why == _LEFT and not answer.has_final_usage and self._defer():
            return
        outcome, status, word = Outcome.ABORTED, None, why
        if incoming.response is None:
            status = CLIENT_CLOSED
            if incoming.failure is not None:
                fault = _failed(incoming.failure, self._out.call).fault
                outcome, status, word = Outcome.ERROR, fault.status, fault.word
        elif incoming.is_error:
            outcome = Outcome.ERROR
        elif has_ended or (was_over and answer.has_final_usage):
            outcome, word = stream_outcome(answer), answer.error_type
        try:
            await self._finish(outcome, status, word)
        except asyncio.CancelledError:
            # The gateway stops while this one is being counted.
            settled = settle_at_once(self._out.format, outcome, answer, self._out.body)
            self._write_down(settled, outcome, status, word)

    def _defer(self) -> bool:
        """Hand the call over to those that are waited for in the background, if it is one that goes on there."""
        answer, deferred = self._incoming.answer, self._books.deferred
        if not answer.goes_on or not deferred.has_room:
            return False
        self._is_deferred = True
        deferred.start(self._await_outcome())
        return True

    async def _await_outcome(self) -> None:
        incoming, out = self._incoming, self._out
        try:
            found = await self._books.deferred.outcome(out.fetch, out.format, incoming.answer.response_id)
        except asyncio.CancelledError:
            settled = settle_at_once(out.format, Outcome.ABORTED, incoming.answer, out.body)
            self._write_down(settled, Outcome.ABORTED, None, _STOPPED)
            raise
        if found is not None:
            incoming.answer = found
        is_whole = found is not None and not found.error_type
        await self._finish(
            Outcome.OK if is_whole else Outcome.ABORTED, error_type="" if found is not None else _NOT_SEEN
        )

    async def _let_go(self, why: str) -> str:
        """The word for how it went; see `Drains.ended`."""
        incoming, drains = self._incoming, self._books.drains
        if why == _STOPPED:
            return "stopped"
        if incoming.is_error:
            return "cancelled"
        if self._on_abort is OnAbort.DRAIN:
            if not drains.has_room:
                return "no_room"
            with drains.one():
                return await incoming.read_on(drains.policy.drain_s)
        if incoming.is_generated and not incoming.answer.has_final_usage:
            return await incoming.read_on(_USAGE_FOLLOWS_S)
        return "cancelled"

    async def so_far(self) -> CallFinished | None:
        """What would be on the record if this process ended now. The text counts by its length."""
        answer = self._incoming.answer
        settled = settle(self._out.format, Outcome.ABORTED, answer, self._out.body)
        if isinstance(settled, Unsettled):
            if not settled.has_input and self._request_tokens is None:
                counted = await self._books.estimator.estimate(self._model, self._out.body, KeptText())
                self._request_tokens = counted.input_tokens
            produced = tokens_of(answer.text.uncovered_bytes)
            settled = settled.with_estimate(Estimate(self._request_tokens or 0, produced))
        if self._is_recorded or settled.usage is None:
            return None
        return self._record_of(settled, Outcome.ABORTED, None, LOST)

    async def _finish(self, outcome: Outcome, status: int | None = None, error_type: str = "") -> None:
        """Write the call's end down; only the first word counts."""
        if self._is_recorded:
            return
        settled = settle(self._out.format, outcome, self._incoming.answer, self._out.body)
        if isinstance(settled, Unsettled):
            settled = settled.with_estimate(await self._estimate(settled))
        self._write_down(settled, outcome, status, error_type)

    async def _estimate(self, unsettled: Unsettled) -> Estimate:
        request = None if unsettled.has_input else self._out.body
        return await self._books.estimator.estimate(self._model, request, self._incoming.answer.text)

    @property
    def _model(self) -> str:
        return self._incoming.answer.model or self._out.call.model

    def _write_down(self, settled: Settled, outcome: Outcome, status: int | None, error_type: str) -> None:
        self._is_recorded = True
        self._books.progress.end(self)
        finished = self._record_of(settled, outcome, status, error_type)
        self._books.record(finished)
        for number, (model, usage) in enumerate(settled.others, 1):
            self._books.record(_apart(finished, number, model, usage))

    def _record_of(
        self, settled: Settled, outcome: Outcome, status: int | None, error_type: str
    ) -> CallFinished:
        out, incoming, clock = self._out, self._incoming, self._books.clock
        answer = incoming.answer
        if status is None:
            status = incoming.response.status if incoming.response is not None else 0
        first_byte = incoming.first_byte
        return CallFinished(
            call=out.call,
            finished_at=clock.now(),
            outcome=outcome,
            http_status=status,
            latency_ms=self._milliseconds(clock.monotonic()),
            ttft_ms=None if first_byte is None else self._milliseconds(first_byte),
            usage=settled.usage,
            is_estimated=settled.is_estimated,
            response_model=answer.model[:_MAX_TEXT],
            response_id=answer.response_id[:_MAX_TEXT],
            service_tier=(answer.service_tier or out.service_tier)[:_MAX_TEXT],
            provider_cost_usd=answer.cost_usd,
            error_type=(error_type or answer.error_type)[:_MAX_TEXT],
        )

    def _milliseconds(self, moment: float) -> int:
        return max(0, round((moment - self._started) * 1000))


def _apart(finished: CallFinished, number: int, model: str, usage: TokenUsage) -> CallFinished:
    """What another model did within a call, as a call of its own; an attempt, so that logical calls stay as many."""
    call = replace(
        finished.call,
        call_id=f"{finished.call.call_id}/{number}",
        model=model[:_MAX_TEXT],
        attempt=finished.call.attempt + number,
        hold_usd=None,
        request_bytes=0,
    )
    return replace(
        finished,
        call=call,
        usage=usage,
        response_model=call.model,
        is_estimated=False,
        provider_cost_usd=None,
    )


def _failed(reason: Exception, call: Call) -> Rejected:
    """The words for a call that the provider did not answer, or not in full."""
    provider, headers = call.provider, {CALL_ID_HEADER: call.call_id}
    if isinstance(reason, TimeoutError):
        return Rejected(Fault.TIMEOUT, f"{provider} did not answer in time", headers)
    if isinstance(reason, aiohttp.ClientConnectorError):
        return Rejected(Fault.CONNECT, f"{provider} cannot be reached", headers)
    return Rejected(Fault.UPSTREAM_BROKE, f"{provider} broke off before its answer was complete", headers)
