"""The provider's word for an error, out of its body."""

from __future__ import annotations

import msgspec

from gateway_shim.formats.answer import members
from ingest.codec import NOT_JSON


def error_word(body: bytes) -> str:
    """`type`, `__type` (AWS), `status` or `code` of an error body; else `error`."""
    try:
        decoded = msgspec.json.decode(body)
    except NOT_JSON:
        return "error"
    if isinstance(decoded, list) and decoded:
        decoded = decoded[0]  # Gemini's streams
    outer = members(decoded)
    error = members(outer.get("error")) or outer
    for name in ("type", "__type", "status", "code"):
        word = error.get(name)
        if isinstance(word, str) and word:
            return word
    return "error"
