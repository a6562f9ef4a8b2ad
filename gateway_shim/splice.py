"""Changes to a JSON body that leave every other byte as it was.

A member is found by its text and the result is checked by parsing, so that a lookalike inside a prompt is never taken
for it.
"""

from __future__ import annotations

import re

import msgspec

from ingest.codec import NOT_JSON

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INCLUDE_USAGE = b'"stream_options":{"include_usage":true},'


class CannotSplice(ValueError):
    """The member stands in the body in a way that we do not find."""


def ask_for_usage(body: bytes, stream_options: object) -> bytes:
    """`body` with `stream_options.include_usage` true; `stream_options` is the body's own, None where it has none.

    Raises CannotSplice where the body's own options cannot be found.
    """
    if isinstance(stream_options, dict):
        options = msgspec.json.encode(stream_options | {"include_usage": True})
        return replace_member(body, "stream_options", options)
    if b'"stream_options"' in body:
        # There, but null (or a lookalike in a prompt): a second member of that name would be a riddle to the provider.
        own = _members(body).get("stream_options")
        if own is not None:
            return replace_member(body, "stream_options", b'{"include_usage":true}')
    start = body.index(b"{") + 1
    return body[:start] + _INCLUDE_USAGE + body[start:]


def replace_member(body: bytes, name: str, value: bytes) -> bytes:
    """`body` with the JSON text `value` for its top-level member `name`. Raises CannotSplice if that is not found."""
    own = _members(body).get(name)
    if own is None:
        raise CannotSplice(f"the body has no member {name}")
    found = re.compile(rb'"%s"\s*:\s*' % re.escape(name.encode()) + re.escape(bytes(own)))
    for match in found.finditer(body):
        start = match.end() - len(bytes(own))
        candidate = body[:start] + value + body[match.end() :]
        if _holds(candidate, name, value):
            return candidate
    raise CannotSplice(f"the member {name} is written in a way that cannot be replaced")


def _holds(body: bytes, name: str, value: bytes) -> bool:
    try:
        return bytes(_members(body).get(name) or b"") == value
    except CannotSplice:
        return False


def _members(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _MEMBERS.decode(body)
    except NOT_JSON as reason:
        raise CannotSplice(f"the body cannot be taken apart: {reason}") from None
