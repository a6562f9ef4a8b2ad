"""The warehouse's URL, taken apart: `http://user:password@host:port/database`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from ingest.errors import InvalidSetting

DEFAULT_DATABASE = "spendstream"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FORM = "the warehouse's URL has the form http://user:password@host:8123/spendstream"


@dataclass(frozen=True)
class Address:
    """Where the warehouse is. Its text, for logs, never holds the password."""

    scheme: str
    host: str
    port: int
    database: str
    user: str = ""
    password: str = field(default="", repr=False)

    @override
    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/{self.database}"

    @property
    def is_loopback(self) -> bool:
        return self.host in _LOOPBACK


def parse_address(url: str) -> Address:
    """Raises InvalidSetting for anything else than `http(s)://[user[:password]@]host[:port][/database]`.

    The port is 8123, or 8443 for https, and the database `spendstream`, where none is given. The error never repeats
    the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as reason:
        raise InvalidSetting(f"{_FORM}; this one cannot be read ({reason})") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSetting(f"{_FORM}; this one has no http:// or no host")
    if parts.query or parts.fragment:
        raise InvalidSetting(f"{_FORM}; nothing may follow the database")
    database = parts.path.strip("/") or DEFAULT_DATABASE
    if not _IDENTIFIER.fullmatch(database):
        raise InvalidSetting(f"a database's name is letters, digits and _ (at most 64), not {database!r}")
    return Address(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or (8443 if parts.scheme == "https" else 8123),
        database=database,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
