"""Dead letters on their way to the log: what a loader could not use, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ingest.codec import encode_event
from ingest.events.dead_letters import DeadLetter
from ingest.ids import derived_id
from ingest.log import EventPublisher, Outgoing, Record
from ingest.topics import TopicName

_LONGEST_REASON = 2000  # characters
_LONGEST_KEY = 4 * 1024  # bytes
_LONGEST_VALUE = 512 * 1024  # bytes: as base64 and with their envelope, below Kafka's 1 MiB for a record


def letter_for(record: Record, reason: str, seen_at: datetime) -> DeadLetter:
    """`record` as it stood. What is longer than the limits is cut, and the reason says so; the whole of it still stands
    on its topic until that topic's retention ends."""
    reason = reason[:_LONGEST_REASON]
    key, value = record.key, record.value
    if key is not None and len(key) > _LONGEST_KEY:
        reason += f" (the key has {len(key)} bytes; the first {_LONGEST_KEY} are kept)"
        key = key[:_LONGEST_KEY]
    if value is not None and len(value) > _LONGEST_VALUE:
        reason += f" (the value has {len(value)} bytes; the first {_LONGEST_VALUE} are kept)"
        value = value[:_LONGEST_VALUE]
    return DeadLetter(record.topic, record.partition, record.offset, reason, key, value, seen_at)


class LetterPublisher:
    """A `DeadLetterSink` that publishes to `dead.letters`. A letter sent twice has one id: that of its place."""

    def __init__(self, publisher: EventPublisher, source: str) -> None:
        self._publisher = publisher
        self._source = source

    async def __call__(self, letters: Sequence[DeadLetter]) -> None:
        """Returns once all are on the log; raises LogUnavailable."""
        await self._publisher.publish([self._outgoing(letter) for letter in letters])

    def _outgoing(self, letter: DeadLetter) -> Outgoing:
        place = f"{letter.topic}/{letter.partition}/{letter.offset}"
        value = encode_event(
            letter,
            id=derived_id("dead-letter", letter.topic, str(letter.partition), str(letter.offset)),
            source=self._source,
            time=letter.seen_at,
            subject=place,
        )
        return Outgoing(TopicName.DEAD_LETTERS, letter.topic, value)
