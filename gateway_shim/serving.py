"""One HTTP server in this process: uvicorn with what a proxy needs, ending with exit code 0 when told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from typing_extensions import override

from gateway_shim.asgi import ASGIApp
from ingest.errors import Unavailable

_GRACE_S = 2
_KEEP_ALIVE_S = 75
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """uvicorn's, but a signal to stop is a good end and not an end by that signal."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)


def make_server(app: ASGIApp) -> Server:
    """A server for `app`; `serve(sockets=[…])` runs it."""
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,  # the provider's goes through
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket. Raises Unavailable with what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, since asyncio turns Nagle's algorithm off (40 ms an answer) only where that is said.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as reason:
        listening.close()
        raise Unavailable(
            f"cannot listen on {host}:{port} ({reason.strerror}); stop what uses it, or choose another port with"
            f" {setting}"
        ) from reason
    return listening


def _is_news(record: logging.LogRecord) -> bool:
    """That a response was cut short is recorded with its call already."""
    return "without completing response" not in record.msg and "timeout graceful shutdown" not in record.msg
