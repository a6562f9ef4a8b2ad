"""Dead letters: records that cannot be used, kept with the reason so that they stop nothing and can be replayed. Pure.

Whoever reads a topic makes them the same way, and a record has one letter however often it is met.
"""

from __future__ import annotations

from datetime import datetime

from ingest.codec import encode_event
from ingest.events.dead_letters import DeadLetter
from ingest.ids import derived_id
from ingest.log import Outgoing, Record
from ingest.topics import TopicName

LONGEST_VALUE = 512 * 1024
"""Bytes of a value that are kept: as base64 they and their envelope stay below Kafka's limit of 1 MiB a record."""
LONGEST_KEY = 4 * 1024  # bytes
_LONGEST_REASON = 2000  # characters


def dead_letter(record: Record, reason: str, seen_at: datetime) -> DeadLetter:
    """`record` as it stood, and why it could not be used. What is longer than the limit is cut, and the reason says so:
    the whole of it still stands on its topic until that topic's retention ends."""
    reason = reason[:_LONGEST_REASON]
    key, value = record.key, record.value
    if key is not None and len(key) > LONGEST_KEY:
        reason += f" (the key has {len(key)} bytes; the first {LONGEST_KEY} are kept)"
        key = key[:LONGEST_KEY]
    if value is not None and len(value) > LONGEST_VALUE:
        reason += f" (the value has {len(value)} bytes; the first {LONGEST_VALUE} are kept)"
        value = value[:LONGEST_VALUE]
    return DeadLetter(record.topic, record.partition, record.offset, reason, key, value, seen_at)


def letter_record(letter: DeadLetter, source: str) -> Outgoing:
    """On `dead.letters`, by the topic that the letter stood on; `source` is who could not use it. A letter sent twice has
    one id: that of its place."""
    value = encode_event(
        letter,
        id=derived_id("dead-letter", letter.topic, str(letter.partition), str(letter.offset)),
        source=source,
        time=letter.seen_at,
        subject=f"{letter.topic}/{letter.partition}/{letter.offset}",
    )
    return Outgoing(TopicName.DEAD_LETTERS, letter.topic, value)
