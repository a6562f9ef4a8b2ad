"""One billed call from request to ledger: admit, plan, wait, answer, and enter what was served.

The order is the providers': the test's own directives first, then the key, then the request, then bad luck.
"""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from gateway_shim.simulation.answers import Ask, Reply, Style, plan
from gateway_shim.simulation.connection import Connection, read_incoming
from gateway_shim.simulation.dialect import Chunk, Dialect, Headers, Incoming
from gateway_shim.simulation.dice import Dice
from gateway_shim.simulation.directives import HEADER, NO_DIRECTIVES, Directives, parse_directives
from gateway_shim.simulation.ledger import Ender, Ledger, Outcome, ServedCall
from gateway_shim.simulation.prefix_cache import CacheShare, PrefixCache
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.settings import SimulationSettings
from gateway_shim.simulation.usage import NOTHING_SERVED, ServedUsage
from ingest.clock import Clock

SIMULATED: Headers = [("x-simulated", "true")]
CLIENT_CLOSED_REQUEST = 499
_WORTH_COMPRESSING = 512


@dataclass(frozen=True, slots=True)
class Simulator:
    """What all operations of a server share."""

    settings: SimulationSettings
    clock: Clock
    dice: Dice
    cache: PrefixCache
    ledger: Ledger


@dataclass(slots=True)
class _Call:
    """A call on its way: what is known of it so far."""

    incoming: Incoming
    request_id: str
    started: float
    key: str
    directives: Directives = NO_DIRECTIVES
    ask: Ask | None = None
    reply: Reply | None = None


class Endpoint:
    """A billed operation as an ASGI application."""

    def __init__(self, simulator: Simulator, dialect: Dialect) -> None:
        self._simulator = simulator
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = await read_incoming(scope, receive)
        if incoming is None:
            return
        rng = self._simulator.dice.throw(
            self._dialect.provider.encode(), self._dialect.operation.encode(), incoming.body
        )
        call = _Call(
            incoming,
            self._dialect.new_request_id(rng),
            self._simulator.clock.monotonic(),
            self._dialect.key_of(incoming),
        )
        async with Connection(receive, send) as connection:
            try:
                reply = self._admit(call, rng)
            except Refusal as refusal:
                await self._refuse(connection, call, refusal)
                return
            if reply.ask.stream:
                await self._stream(connection, call, reply)
            else:
                await self._whole(connection, call, reply)

    def _admit(self, call: _Call, rng: random.Random) -> Reply:
        """The answer to a call that the provider takes; raises a Refusal otherwise."""
        settings, dialect = self._simulator.settings, self._dialect
        call.directives = parse_directives(call.incoming.headers.get(HEADER))
        if not call.key or settings.expected_key not in (None, call.key):
            raise dialect.unauthorised(call.key)
        ask = call.ask = dialect.read(call.incoming)
        if call.directives.status is not None:
            raise Refusal(call.directives.status)
        if rng.random() < settings.error_rate:
            raise Refusal(rng.choice((429, 429, 500, dialect.overloaded_status)))
        style = Style(
            model=dialect.answering_model(ask.model),
            id_prefix=dialect.id_prefix,
            created=int(self._simulator.clock.now().timestamp()),
            tokens_per_chunk=dialect.tokens_per_chunk,
            speed=settings.speed,
            service_tier=dialect.tier(ask),
        )
        share = self._simulator.cache.share(ask.cache, ask.prompt) if ask.cache else CacheShare()
        reply = call.reply = plan(ask, style, share, call.directives, rng)
        if not dialect.id_in_header:
            call.request_id = reply.response_id
        return reply

    async def _refuse(self, connection: Connection, call: _Call, refusal: Refusal) -> None:
        if not await connection.wait(call.directives.delay_s):
            self._record(call, "aborted", CLIENT_CLOSED_REQUEST, NOTHING_SERVED, "client")
            return
        self._record(call, "error", refusal.status, NOTHING_SERVED)
        data = self._dialect.error_body(refusal, call.request_id)
        headers = self._headers(call, self._dialect.json_type) + self._dialect.error_headers(refusal)
        await connection.start(refusal.status, [*headers, ("content-length", str(len(data)))])
        await connection.body(data)

    async def _whole(self, connection: Connection, call: _Call, reply: Reply) -> None:
        delay = reply.whole_s + call.directives.delay_s
        if not await connection.wait(delay):
            waited = self._simulator.clock.monotonic() - call.started
            produced = round(reply.usage.output_tokens * min(1.0, waited / delay)) if delay else 0
            self._record(call, "aborted", CLIENT_CLOSED_REQUEST, reply.usage.produced(produced), "client")
            return
        data = self._dialect.whole(reply)
        headers = self._headers(call, self._dialect.whole_type())
        if self._compresses(call, data):
            data = gzip.compress(data, compresslevel=1, mtime=0)
            headers += [("content-encoding", "gzip"), ("vary", "Accept-Encoding")]
        breaks = call.directives.break_after_chunks is not None
        self._record(call, "aborted" if breaks else "ok", 200, reply.usage, "provider" if breaks else "")
        await connection.start(200, [*headers, ("content-length", str(len(data)))])
        if breaks:
            await connection.body(data[: len(data) // 2], more=True)
        else:
            await connection.body(data)

    async def _stream(self, connection: Connection, call: _Call, reply: Reply) -> None:
        produced = sent = 0
        break_after = call.directives.break_after_chunks
        started = False
        stream_type = reply.ask.stream_type or self._dialect.stream_type
        for chunk, delay_s, last in _paced(self._dialect.stream(reply), reply):
            if not await connection.wait(delay_s):
                usage = reply.usage.produced(produced)
                self._record(call, "aborted", 200 if started else CLIENT_CLOSED_REQUEST, usage, "client")
                return
            if not started:
                await connection.start(200, self._headers(call, stream_type))
                started = True
            if break_after is not None and sent >= break_after and (chunk.content or last):
                self._record(call, "aborted", 200, reply.usage.produced(produced), "provider")
                return  # without the end of the body, so the server drops the connection
            if last:
                self._record(call, "ok", 200, reply.usage)
            await connection.body(chunk.data, more=not last)
            produced += chunk.tokens
            sent += chunk.content

    def _compresses(self, call: _Call, data: bytes) -> bool:
        return (
            self._simulator.settings.compress
            and len(data) >= _WORTH_COMPRESSING
            and "gzip" in call.incoming.headers.get("accept-encoding", "")
        )

    def _headers(self, call: _Call, content_type: str) -> Headers:
        return [("content-type", content_type), *self._dialect.headers(call.request_id), *SIMULATED]

    def _record(
        self, call: _Call, outcome: Outcome, status: int, usage: ServedUsage, ender: Ender = ""
    ) -> None:
        ask, reply, clock = call.ask, call.reply, self._simulator.clock
        self._simulator.ledger.record(
            ServedCall(
                at=clock.now().isoformat(),
                provider=self._dialect.provider,
                model=reply.model if reply else ask.model if ask else "",
                asked_model=ask.model if ask else "",
                operation=self._dialect.operation,
                request_id=call.request_id,
                response_id=reply.response_id if reply else "",
                stream=ask.stream if ask else False,
                outcome=outcome,
                aborted_by=ender,
                status=status,
                usage=usage,
                service_tier=reply.service_tier if reply else "",
                key_sha256=hashlib.sha256(call.key.encode()).hexdigest()[:16] if call.key else "",
                elapsed_ms=round((clock.monotonic() - call.started) * 1000),
                ref=call.directives.ref,
            )
        )


def _paced(chunks: Iterator[Chunk], reply: Reply) -> Iterator[tuple[Chunk, float, bool]]:
    """Each chunk with the seconds to wait before it, and whether it is the last one."""
    delay_s = reply.first_s + reply.directives.delay_s
    contents = 0
    waiting: Chunk | None = None
    for chunk in chunks:
        if waiting is not None:
            yield waiting, delay_s, False
            delay_s = 0.0
        if chunk.content:
            contents += 1
            if contents > 1:
                delay_s += chunk.tokens * reply.token_s + reply.directives.chunk_delay_s
        waiting = chunk
    if waiting is not None:
        yield waiting, delay_s, True
