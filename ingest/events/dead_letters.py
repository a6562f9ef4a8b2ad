"""The event of the topic `dead.letters`: bytes that nobody could read, kept so that they can be replayed."""

from __future__ import annotations

import msgspec

from ingest.clock import Instant


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be used, where it stood and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    seen_at: Instant
