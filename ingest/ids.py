"""Identities: time-ordered UUIDs for what happens once, derived UUIDs for what must come out the same again."""

from __future__ import annotations

import uuid

import uuid_utils

_DERIVED = uuid.UUID("6f0a3b1e-58c1-5d0e-9a55-0c2f5c0d7a11")


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorted by the time it was made."""
    return str(uuid_utils.uuid7())


def derived_id(*parts: str) -> str:
    """A UUIDv5 of `parts`: the same parts give the same id, so that redoing a step makes no second fact."""
    return str(uuid.uuid5(_DERIVED, "\x1f".join(parts)))
