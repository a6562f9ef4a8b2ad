"""ClickHouse's HTTP interface as an ASGI application: `/` runs a statement, `/ping` answers `Ok.`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from warehouse.embedded.ask import Ask
from warehouse.embedded.auth import Gate
from warehouse.embedded.compression import Encoder, decompress, too_large
from warehouse.embedded.engine import Store
from warehouse.embedded.errors import ClickHouseError, Code
from warehouse.embedded.exchange import Exchange
from warehouse.embedded.requests import read_ask, read_params, time_zone, wants_compression
from warehouse.embedded.responses import (
    base_headers,
    error_response,
    error_trailer,
    stream_head,
    whole_response,
)
from warehouse.embedded.workers import Work, Workers

BODY_LIMIT_BYTES = 256 * 1024**2
_SMALL_BODY_BYTES = 64 * 1024
_CANCEL_AGAIN_S = 0.2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Interface:
    """What the handlers work with."""

    store: Store
    workers: Workers
    gate: Gate
    body_limit_bytes: int = BODY_LIMIT_BYTES


def create_app(interface: Interface) -> Starlette:
    """The application. The store is open already and stays open when the application ends."""
    routes = [
        Route("/", partial(_statement, interface), methods=["GET", "POST"]),
        Route("/ping", _ping),
        Route("/replicas_status", _ping),
    ]
    return Starlette(routes=routes, exception_handlers={Exception: partial(_fault, interface)})


async def _ping(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")


async def _fault(interface: Interface, _: Request, error: Exception) -> Response:
    """A bug of ours: the server logs it with its traceback, the client gets a plain error."""
    told = ClickHouseError(
        Code.UNKNOWN_EXCEPTION, f"a fault in the embedded warehouse ({type(error).__name__}), see its log"
    )
    return error_response(told, interface.store.version, {})


async def _statement(interface: Interface, request: Request) -> Response:
    params = read_params(request.scope["query_string"])
    headers = dict(request.headers)
    head = base_headers(time_zone(params))
    try:
        interface.gate.admit(headers, params)
        body = await _read_body(request, interface.body_limit_bytes)
        ask = await _read(interface, request.method, headers, params, body)
        if ask is None:
            return PlainTextResponse("Ok.\n", headers=head)
        head["X-ClickHouse-Query-Id"] = ask.query_id
        accepted = headers.get("accept-encoding", "") if wants_compression(params) else ""
        return await _answer(interface, request, ask, head, accepted)
    except ClickHouseError as error:
        return error_response(error, interface.store.version, head)
    except ClientDisconnect:
        return Response(status_code=499)  # nobody reads it


async def _read_body(request: Request, limit: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


async def _read(
    interface: Interface, method: str, headers: Mapping[str, str], params: Mapping[str, str], body: bytes
) -> Ask | None:
    """Decompress and take apart, in a thread when that may take a while."""

    def read() -> Ask | None:
        whole = decompress(body, headers.get("content-encoding", ""), interface.body_limit_bytes)
        return read_ask(method, headers, params, whole)

    at_once = len(body) <= _SMALL_BODY_BYTES and "content-encoding" not in headers
    return read() if at_once else await asyncio.to_thread(read)


async def _answer(
    interface: Interface, request: Request, ask: Ask, head: dict[str, str], accepted: str
) -> Response:
    exchange = Exchange()
    work = interface.workers.start(partial(interface.store.run, ask, exchange.deliver))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        waiting: set[asyncio.Future[Any]] = {work.ended, exchange.reply, gone}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not exchange.reply.done():
            if not work.ended.done():
                raise ClientDisconnect
            if work.ended.cancelled():
                raise ClickHouseError(
                    Code.QUERY_WAS_CANCELLED, "Query was cancelled: the warehouse is stopping"
                )
            work.ended.result()  # raises what went wrong
        reply = exchange.reply.result()
        if reply.pieces is None:
            await work.ended  # the session is free, the connection closed, when the client hears of it
            return whole_response(ask, reply.answer, head, accepted)
    except (ClientDisconnect, asyncio.CancelledError):
        exchange.abandon()
        interface.workers.detach(_give_up(interface, ask, work))
        raise
    finally:
        gone.cancel()
    return _streamed(interface, ask, exchange, work, stream_head(ask, head, accepted))


async def _disconnected(request: Request) -> None:
    """Returns when the client has closed its side; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Streamed(StreamingResponse):
    """A response that tells when nobody reads it any more, whatever the reason."""

    def __init__(
        self, content: AsyncIterator[bytes], headers: dict[str, str], at_end: Callable[[], None]
    ) -> None:
        super().__init__(content, headers=headers)
        self._at_end = at_end

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._at_end()


def _streamed(
    interface: Interface, ask: Ask, exchange: Exchange, work: Work, head: tuple[dict[str, str], Encoder, str]
) -> Response:
    headers, encoder, tag = head

    async def body() -> AsyncIterator[bytes]:
        async for piece in exchange.pieces():
            if isinstance(piece, ClickHouseError):
                piece = error_trailer(piece, interface.store.version, tag)
            yield encoder.feed(piece)
        await work.ended
        yield encoder.finish()

    def at_end() -> None:
        exchange.abandon()
        if not work.ended.done():
            interface.workers.detach(_give_up(interface, ask, work))

    return _Streamed(body(), headers, at_end)


async def _give_up(interface: Interface, ask: Ask, work: Work) -> None:
    """Nobody waits any more. A statement that only reads is stopped; any other runs to its end, as on a server."""
    if work.drop():
        return
    while not work.ended.done():
        if ask.can_be_cancelled:
            await interface.workers.control(partial(interface.store.cancel, ask.query_id))
        await asyncio.wait({work.ended}, timeout=_CANCEL_AGAIN_S)
    error = work.ended.exception()
    if error is not None and not isinstance(error, ClickHouseError):
        _log.error("a statement that nobody waited for failed", exc_info=error)
