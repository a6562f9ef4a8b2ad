"""Identities: time-ordered UUIDs for what happens once, derived UUIDs for what must come out the same again."""

from __future__ import annotations

import uuid
from hashlib import sha1

import uuid_utils

_DERIVED = uuid.UUID("6f0a3b1e-58c1-5d0e-9a55-0c2f5c0d7a11")


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorted by the time it was made."""
    return str(uuid_utils.uuid7())


def derived_id(*parts: str) -> str:
    """A UUIDv5 of `parts`: the same parts give the same id, so that redoing a step makes no second fact."""
    # As uuid.uuid5 does it (RFC 9562, section 5.5), without the objects in between: two are made for every call.
    digest = sha1(_DERIVED.bytes + "\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
