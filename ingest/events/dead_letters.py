"""Events of the topic `dead.letters`: bytes that nobody could read, kept so that they can be replayed, and what became of
them. A letter is named by the place of its record: topic, partition, offset."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ingest.clock import Instant


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be used, where it stood and why. Met again (after a restart), it says the same again, and
    opens nothing that was resolved."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    seen_at: Instant


class DeadLetterFixed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody has put a value right. It stands beside the original; the letter is open (again) until it is replayed."""

    topic: str
    partition: int
    offset: int
    value: bytes
    """What a replay is to publish in place of the original."""
    fixed_at: Instant
    by: str = ""
    note: str = ""


class LetterAction(StrEnum):
    """How a letter was resolved."""

    REPLAYED = "replayed"
    """Published again to where it came from."""
    DISMISSED = "dismissed"
    """Looked at and given up."""


class DeadLetterResolved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A letter is no longer open."""

    topic: str
    partition: int
    offset: int
    action: LetterAction
    at: Instant
    by: str = ""
    note: str = ""
    """For a dismissal, why."""
    replayed_to: int | None = None
    """For a replay, the new offset on the same partition."""


LetterEvent = DeadLetter | DeadLetterFixed | DeadLetterResolved
