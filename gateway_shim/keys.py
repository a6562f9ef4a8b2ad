"""The caller's key: where it may stand in a request, what it looks like, how it is made."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_to_bytes

PREFIX = "sk-spend-"
# AWS' SDKs send a bearer over HTTPS only; what they sign names the key in the open (Signature Version 4, "Authorization").
_SIGNED_BY = re.compile(rb"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/")
_RANDOM_BYTES = 32  # 43 characters of base64url


def new_key() -> str:
    """A virtual key with 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def presented_key(headers: Mapping[bytes, bytes], query: bytes) -> bytes:
    """The key of a request, from `Authorization: Bearer`, `x-api-key`, `api-key`, `x-goog-api-key`, `?key=`, or as
    the access key id of an AWS signature, which is not checked: the key itself is the secret. Empty if there is none."""
    authorization = headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip()
    if authorization is not None and (signed := _SIGNED_BY.match(authorization)):
        return signed[1]
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
