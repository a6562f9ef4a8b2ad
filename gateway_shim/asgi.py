"""The few ASGI messages that the hot path speaks (ASGI 3.0, HTTP)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from gateway_shim.rejection import Fault, Rejected

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_LINGER_S = 2.0
_LINGER_BYTES = 256 * 1024 * 1024


class ClientGone(Exception):
    """The client closed its connection before its request was read."""


async def read_body(receive: Receive, declared: bytes | None, limit: int) -> bytes:
    """The whole request body.

    Raises Rejected (413) as soon as it is known to be longer than `limit` bytes, and ClientGone.
    """
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class ClientWatch:
    """Cancels the current task once the client has gone; `stop` ends the watch. Only after the body was read."""

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None, "a watch is set within a task"
        self.task: asyncio.Task[Any] = task
        self.has_left = False
        """Whether it was the client's leaving that cancelled the task."""
        self._is_over = False
        self._watcher = asyncio.create_task(self._watch(receive))

    def disarm(self) -> None:
        """The response is complete: that the connection ends now means nothing."""
        self._is_over = True

    def stop(self) -> None:
        """End the watch."""
        self._is_over = True
        self._watcher.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self._is_over:
            self.has_left = True
            self.task.cancel()


async def start(send: Send, status: int, headers: Headers) -> None:
    """Send the status and the headers."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send: Send, data: bytes, more: bool = False) -> None:
    """Send a piece of the body; the last one ends the response."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def reply_and_close(send: Send, receive: Receive, status: int, headers: Headers, data: bytes) -> None:
    """Answer although the request is not read to its end, and close.

    What the client still sends is thrown away for a moment: closing at once would reset the connection, and the client
    might never see the answer (as nginx's lingering close).
    """
    await start(send, status, [*headers, (b"connection", b"close")])
    await body(send, data, more=True)
    thrown_away = 0
    try:
        async with asyncio.timeout(_LINGER_S):
            while thrown_away < _LINGER_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
                thrown_away += len(message.get("body", b""))
    except TimeoutError:
        pass  # it has had its time
    await body(send, b"")


def _too_large(limit: int) -> Rejected:
    return Rejected(Fault.TOO_LARGE, f"the request body exceeds the limit of {limit} bytes")
