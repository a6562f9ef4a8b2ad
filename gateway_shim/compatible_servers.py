"""Servers that speak OpenAI's format and need nothing but a setting: where below their address the API begins, and
whether a stream may be asked for its usage.

What is known of them stands here; `SPENDSTREAM_UPSTREAM_OPTIONS` says otherwise, or speaks of servers that nobody knows.
"""

from __future__ import annotations

import re

import msgspec

from ingest.errors import InvalidSetting


class Ways(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one server is spoken to."""

    path: str | None = None
    """Where `/v1` is at the server, such as `/openai/v1`; empty: at its root. None: by the address."""
    stream_options: bool = True
    """Whether it takes `stream_options.include_usage`; false for one that tells a stream's usage unasked."""


# Name -> its ways, by each provider's documentation ("OpenAI compatibility" or API reference), read 2026-11.
_KNOWN = {
    "cohere": Ways("/compatibility/v1"),
    "deepinfra": Ways("/v1/openai"),
    "fireworks": Ways("/inference/v1"),
    "groq": Ways("/openai/v1"),
    "openrouter": Ways("/api/v1"),
    "perplexity": Ways("", stream_options=False),
    "zai": Ways("/api/paas/v4"),
    "zhipu": Ways("/api/paas/v4"),
}
_DECODER = msgspec.json.Decoder(dict[str, Ways])
# `…/v1`, `…/api/paas/v4`, `…/v1/openai`: an address that already says where the API begins.
_WITH_VERSION = re.compile(r"/v\d+[a-z0-9]*(?:/openai)?$")
_ORIGIN = re.compile(r"https?://[^/]+")


def read_options(text: str, variable: str) -> dict[str, Ways]:
    """The ways that an operator sets, by name. Raises InvalidSetting, naming the variable."""
    if not text:
        return {}
    try:
        found = _DECODER.decode(text)
    except msgspec.MsgspecError as reason:
        raise InvalidSetting(
            f'{variable} must be JSON such as {{"my-server": {{"path": "/api/v1", "stream_options": false}}}}: {reason}'
        ) from None
    for name, ways in found.items():
        if ways.path and (not ways.path.startswith("/") or ways.path.endswith("/")):
            raise InvalidSetting(
                f"{variable}: the path of {name} is {ways.path!r}; it must begin with / and not end so"
            )
    return found


def place(name: str, address: str, options: dict[str, Ways]) -> tuple[str, str, bool]:
    """(address without the API's path, that path, whether streams take `stream_options`) of a server.

    An address that ends with a version (`https://api.groq.com/openai/v1`) is taken at its word; below one that has no
    path at all the API begins where it is known to, else at `/v1`.
    """
    ways = options.get(name) or _KNOWN.get(name) or Ways()
    origin = _ORIGIN.match(address)
    base = origin[0] if origin else address
    below = address[len(base) :]
    if name in options and ways.path is not None:
        return address, ways.path, ways.stream_options
    if _WITH_VERSION.search(below):
        return base, below, ways.stream_options
    if not below and ways.path is not None:
        return base, ways.path, ways.stream_options
    return base, f"{below}/v1", ways.stream_options
