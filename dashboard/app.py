"""The dashboard put together: settings, a reader and a clock go in, a Dash application comes out. Opens nothing."""

from __future__ import annotations

import logging
from typing import Any, cast

from dash import Dash
from flask import Flask, Response, jsonify
from flask_compress import Compress

from dashboard import requests, shell
from dashboard.cards.frame import explain
from dashboard.pages import overview
from dashboard.settings import DashboardSettings
from dashboard.wiring import wire
from ingest.clock import Clock
from ingest.errors import SpendstreamError, Unavailable
from warehouse.queries.freshness import Activity, PipelineProgress
from warehouse.reader import WarehouseReader

_log = logging.getLogger(__name__)
# Dash's own page, with a language for screen readers, and the browser's background in the system's colours until ours
# is there. Braces in percent signs are Dash's.
_INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <meta name="color-scheme" content="light dark">
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
    {%css%}
  </head>
  <body>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""
_SCRIPTS = ";/_dash-component-suites/"
_MOST_SCRIPTS = 64
_LARGEST_REQUEST = 256 * 1024


def create_dashboard(settings: DashboardSettings, reader: WarehouseReader, clock: Clock) -> Dash:
    """The application; `app.server` is the WSGI callable."""
    server = Flask("dashboard", static_folder=None)
    server.secret_key = settings.secret_key
    server.config.update(MAX_CONTENT_LENGTH=_LARGEST_REQUEST, SESSION_COOKIE_SAMESITE="Lax", **_compression())
    pages = (overview.create_page(settings.gateway),)
    app = Dash(
        __name__,
        server=cast(Any, server),  # the annotation names the other ways to say it
        title="Spendstream",
        index_string=_INDEX,
        update_title="",  # a title that blinks at every refresh tells nobody anything
        serve_locally=True,
        suppress_callback_exceptions=True,  # a page's cards come after the shell
        on_error=_fault,
    )
    app.layout = shell.layout()
    wire(app, pages, reader, clock)
    Compress(server)
    requests.guard(server, settings.host, app.csp_hashes())
    _add_health(server, reader)
    return app


class _KeptScripts:
    """Compressed scripts, kept for the next viewer; answers to questions are not kept. Bounded, since an address is a
    stranger's text."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self._kept.get(key)

    def set(self, key: str, value: bytes) -> None:
        if _SCRIPTS in key and len(self._kept) < _MOST_SCRIPTS:
            self._kept.setdefault(key, value)


def _compression() -> dict[str, Any]:
    return {
        "COMPRESS_ALGORITHM": ["br", "gzip"],
        "COMPRESS_BR_LEVEL": 5,
        "COMPRESS_CACHE_BACKEND": _KeptScripts,
        "COMPRESS_CACHE_KEY": lambda request: request.full_path,
    }


def _fault(error: Exception) -> None:
    """A callback failed that has no answer of its own for that: the page keeps what it has."""
    _log.error("request %s", requests.request_id(), exc_info=error)


def _add_health(server: Flask, reader: WarehouseReader) -> None:
    @server.get("/health")
    def health() -> tuple[Response, int]:
        """200 once the warehouse answers and its tables are there, else 503 and why."""
        try:
            reader.read(PipelineProgress())
            reader.read(Activity())
        except Unavailable as reason:
            return jsonify(status="waiting", reason=explain(reason)), 503
        except SpendstreamError as reason:
            _log.warning("health: %.500s", reason)
            return jsonify(status="failed", reason=explain(reason)), 503
        return jsonify(status="ok"), 200

    @server.get("/health/live")
    def live() -> tuple[Response, int]:
        """200 as long as the process serves."""
        return jsonify(status="ok"), 200
