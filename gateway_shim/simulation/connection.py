"""The server's side of one HTTP exchange over ASGI: reading it all, waiting while the client is there, answering."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway_shim.simulation.dialect import Headers, Incoming


async def read_incoming(scope: Scope, receive: Receive) -> Incoming | None:
    """The whole request, or None when the client left while sending it."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return Incoming(
        method=scope["method"],
        path_params=scope.get("path_params", {}),
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(parts),
    )


class Connection:
    """Sends an answer and knows when the client hangs up. Use it as an async context, after the request was read."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._gone = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Connection:
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])

    async def _watch(self) -> None:
        message: MutableMapping[str, Any] = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await self._receive()
        self._gone.set()

    async def wait(self, seconds: float) -> bool:
        """Whether the client is still there after `seconds`; comes back at once when it hangs up."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._gone.wait()
        except TimeoutError:
            return True
        return False

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line and the headers."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def body(self, data: bytes, *, more: bool = False) -> None:
        """Send bytes of the body; the last ones without `more`."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
