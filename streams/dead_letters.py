"""Records that cannot be used, kept with the reason so that they stop nothing and can be looked at and replayed. Pure."""

from __future__ import annotations

from datetime import datetime

from ingest.events.dead_letters import DeadLetter
from ingest.log import Record

LONGEST_VALUE = 512 * 1024
"""Bytes of a value that are kept: as base64 they and their envelope stay below Kafka's limit of 1 MiB a record."""
_LONGEST_KEY = 4 * 1024
_LONGEST_REASON = 2000


def dead_letter(record: Record, reason: str, seen_at: datetime) -> DeadLetter:
    """`record` as it stood, and why it could not be used. What is longer than the limit is cut, and the reason says so:
    the whole of it still stands on its topic until that topic's retention ends."""
    value, key = record.value, record.key
    reason = reason[:_LONGEST_REASON]
    if value is not None and len(value) > LONGEST_VALUE:
        reason += f" (the value has {len(value)} bytes; the first {LONGEST_VALUE} are kept)"
        value = value[:LONGEST_VALUE]
    if key is not None and len(key) > _LONGEST_KEY:
        reason += f" (the key has {len(key)} bytes; the first {_LONGEST_KEY} are kept)"
        key = key[:_LONGEST_KEY]
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        key=key,
        value=value,
        seen_at=seen_at,
    )
