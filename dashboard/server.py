"""Serving the dashboard: granian in this very process, one worker with a few threads.

granian forks a worker process wherever Python has a GIL, and would leave it behind when its parent is killed. Its server
for free-threaded Python runs the same worker in a thread, and the same works under a GIL: less memory (no second
process), nothing to leave behind, and a signal that ends everything.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.common import AbstractServer
from granian.server.mt import MTServer
from typing_extensions import override

from ingest.errors import InvalidSetting, SpendstreamError
from warehouse.errors import SchemaMissing
from warehouse.queries.freshness import Activity
from warehouse.reader import WarehouseReader

_log = logging.getLogger("dashboard")
_THREADS = 6
_PAUSE_S = 0.25


class ThreadServer(MTServer):
    """granian with its worker in a thread of this process."""

    @override
    def _check_gil(self) -> None:
        """The worker of a WSGI application takes the GIL for each request, like that of a process."""

    @override
    def serve(self, *arguments: Any, **options: Any) -> None:
        AbstractServer.serve(self, *arguments, **options)


def serve(application: Callable[..., Any], host: str, port: int, on_listening: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT. Call it from the main thread; `on_listening` is called once."""
    server = ThreadServer(
        "dashboard",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        websockets=False,
        log_level=LogLevels.warning,
    )
    server.on_startup(on_listening)
    server.serve(target_loader=lambda *_: application, wrap_loader=False)


def check_port(host: str, port: int) -> None:
    """Raises InvalidSetting when nobody can listen there; granian would share a port with another process instead."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as reason:
        raise InvalidSetting(
            f"cannot listen on {host}:{port} ({reason.strerror or reason}); "
            "set SPENDSTREAM_DASHBOARD_PORT to a free port, SPENDSTREAM_HOST to an address of this machine"
        ) from None


class ReadinessWatch:
    """Waits for the warehouse beside the server, says once what it waits for, and once that it is there."""

    def __init__(self, reader: WarehouseReader, warehouse: str, page: str) -> None:
        self._reader = reader
        self._warehouse = warehouse
        self._page = page
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="readiness", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Give up waiting, if it still does."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        said = ""
        while not self._stopped.is_set():
            try:
                self._reader.read(Activity(), max_age_s=0)
            except SpendstreamError as reason:
                waiting = (
                    "the worker to create the tables in"
                    if isinstance(reason, SchemaMissing)
                    else "the warehouse at"
                )
                if said != (line := f"waiting for {waiting} {self._warehouse}"):
                    _log.info("%s …", said := line)
                self._stopped.wait(_PAUSE_S)
            else:
                _log.info("ready: %s", self._page)
                return
