"""The hot path: one ASGI function in front of everything else.

A request for a provider is served here, step by step: whose key, the body, the call that it makes (`preparing`), on its
way and back (`exchange`). Nothing here waits for anything but the client and the provider.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import aiohttp

from gateway_shim import asgi
from gateway_shim.exchange import Bookkeeping, Exchange
from gateway_shim.headers import first_values, sent_back, sent_upstream
from gateway_shim.incoming import Outbound
from gateway_shim.keys import presented_key, without_key
from gateway_shim.parts import Parts
from gateway_shim.preparing import Request, prepare
from gateway_shim.providers.openai import OPENAI
from gateway_shim.providers.provider import Provider
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.routing import Route, Target, target_at
from ingest.events.calls import CallFinished
from ingest.events.governance import KeyIssued

_LOG = logging.getLogger(__name__)
# Faults of calls, which are recorded as calls; the others never became one.
_OF_CALLS = frozenset({Fault.BUDGET, Fault.CONNECT, Fault.UPSTREAM_BROKE, Fault.TIMEOUT})


class Proxy:
    """The ASGI app: provider paths are served here, all others by `fallback`."""

    def __init__(self, parts: Parts, fallback: asgi.ASGIApp) -> None:
        self._parts = parts
        self._fallback = fallback
        self._rejected = parts.metrics.rejected
        self._in_flight = parts.in_flight
        self._books = Bookkeeping(
            parts.clock, parts.estimator, parts.drains, parts.progress, parts.deferred, self._record
        )

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            await self._fallback(scope, receive, send)
            return
        route = self._parts.routes.find(scope["raw_path"])
        if route is None:
            await self._fallback(scope, receive, send)
            return
        self._in_flight.enter()
        try:
            await self._serve(route, scope, receive, send)
        except Rejected as rejected:
            await self._reject(route.speaker, rejected, receive, send)
        except asgi.ClientGone:
            pass  # it left before it had asked for anything
        finally:
            self._in_flight.leave()

    async def _serve(self, route: Route, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        by_name = first_values(headers)
        key = self._holder(presented_key(by_name, scope["query_string"]))
        body = await asgi.read_body(
            receive, by_name.get(b"content-length"), self._parts.settings.max_body_bytes
        )
        request = Request(scope["method"], headers, without_key(scope["query_string"]), body, key)
        if request.method == "POST":
            await self._metered(route, request, receive, send)
        else:
            await self._unmetered(route, request, receive, send)

    def _holder(self, key: bytes) -> KeyIssued:
        parts = self._parts
        if not parts.is_ready:
            why = (
                "the gateway cannot record calls at the moment"
                if parts.governance_fold.is_current and parts.states_fold.is_current
                else "the gateway is still reading its keys and budgets"
            )
            raise Rejected(Fault.NOT_READY, f"{why}; try again in a moment", {"retry-after": "1"})
        holder = parts.registry.holder(key) if key else None
        if holder is None:
            raise Rejected(Fault.BAD_KEY, "this key is unknown or was revoked" if key else "no key was sent")
        return holder

    async def _metered(self, route: Route, request: Request, receive: asgi.Receive, send: asgi.Send) -> None:
        parts = self._parts
        started = parts.clock.monotonic()
        prepared = prepare(parts, route, request)
        parts.recorder.started(prepared.call)
        outbound = Outbound(
            call=prepared.call,
            format=prepared.target.format,
            body=request.body,
            withholds_usage=prepared.withholds_usage,
            service_tier=prepared.service_tier,
            send=lambda: self._send_upstream(prepared.target, request, prepared.body),
            fetch=lambda response_id: self._fetch(prepared.target, request, response_id),
        )
        await Exchange(outbound, self._books, started).run(receive, send)

    def _record(self, finished: CallFinished) -> None:
        self._parts.recorder.finished(finished)
        self._parts.meter.finished(finished)

    async def _unmetered(
        self, route: Route, request: Request, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        """Lists, files, deletions: passed on with a key check, and not recorded."""
        target = route.target or target_at(OPENAI, OPENAI.openai_base + route.rest)
        watch = asgi.ClientWatch(receive)
        try:
            await self._relay(target, request, send)
        except asyncio.CancelledError:
            watch.task.uncancel()  # the client has gone, or the gateway stops
        finally:
            watch.stop()

    async def _relay(self, target: Target, request: Request, send: asgi.Send) -> None:
        try:
            response = await self._send_upstream(target, request, request.body)
        except (aiohttp.ClientError, OSError) as reason:
            fault = Fault.TIMEOUT if isinstance(reason, TimeoutError) else Fault.CONNECT
            raise Rejected(fault, f"{target.provider.name} cannot be reached") from reason
        try:
            await asgi.start(send, response.status, sent_back(response.raw_headers, ""))
            async for chunk in response.content.iter_any():
                await asgi.body(send, chunk, more=True)
            await asgi.body(send, b"")
        except (aiohttp.ClientError, OSError) as reason:
            _LOG.warning("%s broke off an answer: %r", target.provider.name, reason)
        finally:
            response.close()

    async def _fetch(self, target: Target, request: Request, response_id: str) -> aiohttp.ClientResponse:
        """An answer that was stored, below the path that made it."""
        stored = replace(target, path=f"{target.path}/{response_id}")
        return await self._send_upstream(stored, replace(request, method="GET"), b"")

    async def _send_upstream(self, target: Target, request: Request, body: bytes) -> aiohttp.ClientResponse:
        provider = target.provider
        upstream = self._parts.settings.upstreams[provider.name]
        credential = (
            provider.credential_header(target.path, upstream.credential) if upstream.credential else None
        )
        path = f"{target.path}?{request.query.decode('latin-1')}" if request.query else target.path
        headers = sent_upstream(request.headers, credential)
        return await self._parts.upstream.send(request.method, upstream.base_url, path, headers, body)

    async def _reject(
        self, speaker: Provider, rejected: Rejected, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        fault = rejected.fault
        if fault not in _OF_CALLS:
            self._rejected.labels(fault.word).inc()
        body = speaker.error_body(fault, rejected.message)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        headers += [(name.encode(), value.encode()) for name, value in rejected.headers.items()]
        if fault is Fault.TOO_LARGE:
            await asgi.reply_and_close(send, receive, fault.status, headers, body)
            return
        await asgi.start(send, fault.status, headers)
        await asgi.body(send, body)
