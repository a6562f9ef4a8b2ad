"""Which headers pass, in each direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

RawHeaders = Iterable[tuple[bytes, bytes]]

# RFC 9110, section 7.6.1, and what a proxy computes anew.
_HOP_BY_HOP = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)
_NOT_SENT = _HOP_BY_HOP | frozenset(
    [
        b"host",
        b"content-length",
        b"expect",
        # the caller's key, which is ours alone
        b"authorization",
        b"x-api-key",
        b"api-key",
        # parts of a signature that is not ours
        b"x-amz-content-sha256",
        b"x-amz-date",
        b"x-amz-security-token",
        b"x-goog-api-key",
        # answers are read on their way, so they are asked for as they are
        b"accept-encoding",
        # where the call comes from, and cookies of whatever else runs on this host, are nobody's business
        b"cookie",
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-real-ip",
    ]
)
_NOT_RETURNED = _HOP_BY_HOP | frozenset(
    [
        # they speak of the provider's host, not of ours
        b"alt-svc",
        b"strict-transport-security",
        b"set-cookie",
    ]
)
_OURS = b"x-spendstream-"
CALL_ID_HEADER = "x-spendstream-call-id"


def sent_upstream(headers: RawHeaders, credential: tuple[str, str] | None) -> CIMultiDict[str]:
    """The request's headers as they go to the provider, with its credential instead of the caller's key."""
    sent: CIMultiDict[str] = CIMultiDict()
    listed = _listed_in_connection(headers)
    for name, value in headers:
        if name not in _NOT_SENT and name not in listed and not name.startswith(_OURS):
            sent.add(name.decode("latin-1"), _text(value))
    sent["accept-encoding"] = "identity"
    if credential is not None:
        sent[credential[0]] = credential[1]
    return sent


def sent_back(headers: RawHeaders, call_id: str) -> list[tuple[bytes, bytes]]:
    """The answer's headers as they go to the caller, and the call's id, by which support can find it."""
    back = [(name, value) for name, value in headers if name.lower() not in _NOT_RETURNED]
    if call_id:
        back.append((CALL_ID_HEADER.encode(), call_id.encode()))
    return back


def first_values(headers: RawHeaders) -> Mapping[bytes, bytes]:
    """By name, in lower case as ASGI gives them; the first of repeated ones."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found.setdefault(name, value)
    return found


def _text(value: bytes) -> str:
    """The client writes header values as UTF-8: so read, the bytes arrive as they came."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _listed_in_connection(headers: RawHeaders) -> frozenset[bytes]:
    for name, value in headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            return frozenset(token.strip().lower() for token in value.split(b","))
    return frozenset()
