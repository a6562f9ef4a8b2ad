"""Who may ask: one user, known by name and password, and no web page that the user happens to look at. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.embedded.errors import ClickHouseError, Code

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
CHALLENGE = 'Basic realm="ClickHouse server HTTP API"'
"""For `WWW-Authenticate`, when no password came although one is needed."""


@dataclass(frozen=True)
class Gate:
    """Lets requests in. Without a password it must be a program on this machine that asks: see `_refuse_web_pages`."""

    user: str = "default"
    password: str = ""
    host: str = "127.0.0.1"
    """The address the server listens on."""

    def admit(self, headers: Mapping[str, str], params: Mapping[str, str]) -> None:
        """Raise ClickHouseError 516: HTTP status 401 without credentials, 403 with wrong ones.

        As in ClickHouse, they come as X-ClickHouse-User and -Key, as basic authentication, or as `user` and
        `password` of the URL, in this order. Header names are lower case.
        """
        if not self.password:
            self._refuse_web_pages(headers)
        given = _credentials(headers, params)
        user, password = given if given is not None else ("default", "")
        same_user = hmac.compare_digest(_bytes(user), _bytes(self.user))
        same_password = hmac.compare_digest(_bytes(password), _bytes(self.password))
        if not (same_user and same_password):
            reason = (
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name"
            )
            raise ClickHouseError(
                Code.AUTHENTICATION_FAILED, reason, status=403 if given is not None else 401
            )

    def _refuse_web_pages(self, headers: Mapping[str, str]) -> None:
        """A page from anywhere can make a browser post SQL to a loopback port; browsers then send Origin, or a foreign
        name as Host when they were led here by DNS. No program does."""
        host = _host_name(headers.get("host", ""))
        foreign = bool(host) and self.host in _LOOPBACK and host not in _LOOPBACK
        if (
            foreign
            or "origin" in headers
            or headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        ):
            raise ClickHouseError(
                Code.AUTHENTICATION_FAILED,
                "requests from web pages need a user and a password, and none is set up here",
            )


def _credentials(headers: Mapping[str, str], params: Mapping[str, str]) -> tuple[str, str] | None:
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, word = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _basic(word)
    if scheme:
        raise ClickHouseError(
            Code.AUTHENTICATION_FAILED, f"authentication by {scheme} is not supported, use a password"
        )
    if "user" in params or "password" in params:
        return params.get("user", "default"), params.get("password", "")
    return None


def _basic(word: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(word.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ClickHouseError(
            Code.AUTHENTICATION_FAILED, "the Authorization header is no basic authentication"
        ) from None
    return user or "default", password


def _host_name(header: str) -> str:
    """The name in a Host header, without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.rpartition(":")[0].lower() if ":" in header else header.lower()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
