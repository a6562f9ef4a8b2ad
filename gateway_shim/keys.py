"""The caller's key: where it may stand in a request, what it looks like, how it is made."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_to_bytes

PREFIX = "sk-spend-"
_RANDOM_BYTES = 32  # 43 characters of base64url


def new_key() -> str:
    """A virtual key with 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def presented_key(headers: Mapping[bytes, bytes], query: bytes) -> bytes:
    """The key of a request, from `Authorization: Bearer`, `x-api-key`, `api-key`, `x-goog-api-key` or `?key=`."""
    authorization = headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip()
    key = headers.get(b"x-api-key") or headers.get(b"api-key") or headers.get(b"x-goog-api-key")
    if key is not None:
        return key.strip()
    if b"key=" in query:
        return next(
            (value.encode() for name, value in parse_qsl(query.decode("latin-1")) if name == "key"), b""
        )
    return b""


def without_key(query: bytes) -> bytes:
    """`query` without its `key=`, however that is written, every other byte as it was: the caller's key never leaves."""
    if b"key=" not in query and b"%" not in query:
        return query
    return b"&".join(
        part for part in query.split(b"&") if unquote_to_bytes(part.partition(b"=")[0]) != b"key"
    )
