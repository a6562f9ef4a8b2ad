"""What the server does round every request: an id to find it again, headers that forbid what we do not need, and only
our own host name where we listen on loopback."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence

from flask import Flask, Response, abort, g, has_request_context, request

from ingest.ids import new_id

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_ID_LENGTH = 12

# Styles: Mantine and Plotly set them from scripts, and a browser can tell these from a stranger's only by a nonce in
# every response. Scripts: ours, and the inline ones of Dash by hash. Nothing else may be loaded from anywhere.
_POLICY = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# What is the same for everybody may be kept by the browser, to be asked for again by its ETag; figures may not.
_FILES = ("/_dash-component-suites/", "/assets/")


def request_id() -> str:
    """The id of the request being answered, as its log lines and `X-Request-Id` have it; "" outside of one."""
    return str(g.get("request_id", "")) if has_request_context() else ""


def guard(server: Flask, host: str, script_hashes: Sequence[str]) -> None:
    """Put request ids, security headers and, on loopback, the check of the host name round every request.

    The check keeps a page elsewhere from reading the dashboard by pointing a name of its own at this machine (DNS
    rebinding). `script_hashes` are Dash's inline scripts, `'sha256-…'`.
    """
    policy = {**_POLICY, "script-src": " ".join(["'self'", *script_hashes])}
    header = "; ".join(f"{name} {value}" for name, value in policy.items())

    @server.before_request
    def begin() -> None:
        # The random end of a time-ordered id: short enough to read out, unlikely to come twice in a log.
        g.request_id = new_id()[-_ID_LENGTH:]
        if is_loopback(host) and _name_of(request.host) not in _LOCAL_NAMES | {host}:
            abort(421, "This dashboard answers to 127.0.0.1 and localhost only.")

    @server.after_request
    def finish(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = header
        response.headers["X-Request-Id"] = request_id()
        for name, value in _HEADERS.items():
            response.headers[name] = value
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-cache" if request.path.startswith(_FILES) else "no-store"
        return response


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def new_secret_key() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def _name_of(authority: str) -> str:
    """The host of `host:port` or `[v6]:port`."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]
