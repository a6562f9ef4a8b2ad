"""The process: takes the port, opens the store, serves until it is told to stop, and closes the store."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import uvicorn
from typing_extensions import override

from warehouse.embedded.auth import Gate
from warehouse.embedded.config import Limits
from warehouse.embedded.engine import Store
from warehouse.embedded.errors import PortInUse
from warehouse.embedded.guard import HOME_DATABASE
from warehouse.embedded.http import BODY_LIMIT_BYTES, Interface, create_app
from warehouse.embedded.workers import Workers

KEEP_ALIVE_S = 600
"""Clients keep connections in pools, and an INSERT on one that is just being closed cannot be repeated safely."""
_AFTER_CANCEL_S = 0.7
_CANCEL_AGAIN_S = 0.2
_CLOSE_S = 1.5  # with `grace_s` below the 5 s after which honcho kills
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedWarehouse:
    """ClickHouse's engine on the folder `path`, listening on `host:port`; port 0 takes a free one."""

    path: Path
    port: int
    host: str = "127.0.0.1"
    user: str = "default"
    password: str = field(default="", repr=False)
    """Without one, everybody on this machine may ask, except web pages."""
    threads: int = 8
    """Statements that run at once; further ones wait."""
    body_limit_bytes: int = BODY_LIMIT_BYTES
    limits: Limits = field(default_factory=Limits)
    grace_s: float = 3.0
    """How long running statements may take to end when the process is told to stop."""

    def serve(self, on_ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; blocks, in the main thread. `on_ready` gets the URL once it answers.

        Raises PortInUse, StoreHeld, StoreBroken, EngineMissing before it serves.
        """
        with _Signals() as signals, contextlib.closing(self._bind()) as listener:
            store, workers = Store(self.path, self.limits), Workers(self.threads)
            store.open()
            gate = Gate(self.user, self.password, self.host)
            app = create_app(Interface(store, workers, gate, self.body_limit_bytes))
            host, port = listener.getsockname()[:2]
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}/{HOME_DATABASE}"
            signals.server = _Server(
                self._config(app),
                on_ready=lambda: on_ready(url),
                stop_statements=lambda: _cancel_after(self.grace_s, store, workers),
            )
            try:
                signals.server.run(sockets=[listener])
            finally:
                _close(store, workers)

    def _bind(self) -> socket.socket:
        """The socket, bound but not listening: who connects is refused until the store is open."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(
                f"port {self.port} of {self.host} is in use; stop what listens there, "
                "or set SPENDSTREAM_WAREHOUSE_PORT to a free port"
            ) from None
        return listener

    def _config(self, app: object) -> uvicorn.Config:
        return uvicorn.Config(
            app,  # type: ignore[arg-type]
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(self.grace_s + _AFTER_CANCEL_S),
        )


class _Server(uvicorn.Server):
    """uvicorn, telling when it accepts connections, and bringing statements to an end when it is to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        stop_statements: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._stop_statements = stop_statements

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopping = asyncio.ensure_future(self._stop_statements())
        await super().shutdown(sockets)
        stopping.cancel()


async def _cancel_after(seconds: float, store: Store, workers: Workers) -> None:
    """Give statements their time, then cancel them, so that each client is told, until this is cancelled itself."""
    await asyncio.sleep(seconds)
    _log.warning("statements still run %g s after the process was told to stop; cancelling them", seconds)
    workers.refuse()
    while True:
        await workers.control(store.cancel_all)
        await asyncio.sleep(_CANCEL_AGAIN_S)


def _close(store: Store, workers: Workers) -> None:
    """Close the store when nothing runs in it any more; cancel what takes too long, and never hang."""
    watchdog = threading.Timer(_CLOSE_S, _leave)
    watchdog.daemon = True
    watchdog.start()
    if not workers.drain(0.0):
        store.cancel_all()
        if not workers.drain(_AFTER_CANCEL_S):
            _leave()
    store.close()
    watchdog.cancel()


def _leave() -> None:
    """End the process at once. The store opens again as after a kill: nothing acknowledged is lost."""
    _log.error("the engine does not stop; leaving without closing the store")
    logging.shutdown()
    os._exit(1)


class _Signals:
    """SIGTERM and SIGINT end the process with exit code 0, also before uvicorn looks at them.

    While it serves, uvicorn has handlers of its own, and raises the signal again when it has stopped: that is heard
    here and changes nothing any more.
    """

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, *_: object) -> None:
        if self.server is None:
            raise SystemExit(0)
        self.server.should_exit = True
