"""What can be done with a letter: put it right, replay it, dismiss it. Each is an event on `dead.letters`.

A replay publishes the record where it came from, under its own key, and then says so. A crash between the two leaves the
letter open, and the next replay publishes it a second time: every reader recognises the repeat (by the call's id, the
budget's revision or the row's key), so that it counts once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from ingest.clock import Clock
from ingest.codec import Envelope, encode_event
from ingest.errors import InvalidInput
from ingest.events.dead_letters import DeadLetterFixed, DeadLetterResolved, LetterAction
from ingest.ids import new_id
from ingest.letters import LONGEST_KEY, LONGEST_VALUE
from ingest.log import Record
from ingest.topics import TopicName
from warehouse.deadletters.book import Letter, LetterBook, LetterId, LetterState, Wanted
from warehouse.deadletters.checking import check, check_replay

_SOURCE = "spendstream/letters"


class Places(Protocol):
    """Single places of the log (`ingest.kafka.places` on Kafka)."""

    def everything(self, topic: str) -> AsyncIterator[Record]:
        """Every record that `topic` holds now."""
        ...

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record that stands there, None where it is gone."""
        ...

    async def put(self, topic: str, partition: int | None, key: bytes | None, value: bytes | None) -> int:
        """Write one record (None: onto the partition where its key belongs); its offset."""
        ...


@dataclass(frozen=True)
class Original:
    """A letter's record, whole. `is_whole` False: it was cut and has left its topic."""

    record: Record
    is_whole: bool


class Desk:
    """Acts on letters in the name of `by`."""

    def __init__(self, places: Places, clock: Clock, by: str) -> None:
        self._places = places
        self._clock = clock
        self._by = by

    async def book(self, wanted: Wanted = lambda _: False) -> LetterBook:
        """All letters as they stand now."""
        book = LetterBook(wanted)
        async for record in self._places.everything(TopicName.DEAD_LETTERS):
            book.add(record)
        return book

    async def letter(self, id: LetterId) -> Letter:
        """One letter with its bytes. Raises InvalidInput when there is none."""
        return (await self.book(lambda other: other == id)).get(id)

    async def original(self, letter: Letter) -> Original:
        """The record as it was: of what was cut, the whole is read again from its topic while it is still there."""
        kept = Record(letter.id.topic, letter.id.partition, letter.id.offset, letter.key, letter.value)
        if not letter.is_cut:
            return Original(kept, is_whole=True)
        found = await self._places.record_at(*letter.id)
        if found is None or not _begins_with(found, kept):
            return Original(kept, is_whole=False)
        return Original(found, is_whole=True)

    async def fix(self, letter: Letter, value: bytes, note: str = "") -> Envelope:
        """Keep `value` to be replayed in place of the original; the letter is open again.

        Raises InvalidInput when the readers of its topic would not take it either, or when it is too long to be kept.
        """
        if len(value) > LONGEST_VALUE:
            raise InvalidInput(
                f"the value has {len(value):,} bytes; at most {LONGEST_VALUE:,} can be kept beside a letter"
            )
        envelope = check_replay(Record(*letter.id, letter.key, value))
        now = self._clock.now()
        await self._tell(letter.id, DeadLetterFixed(*letter.id, value, now, self._by, note))
        return envelope

    async def replay(self, letter: Letter) -> int:
        """Publish the letter's record again: what it was put right to, else the original. Its new offset.

        Raises InvalidInput, and publishes nothing, when the readers of its topic would not take it.
        """
        record = await self._to_publish(letter)
        check_replay(record)
        offset = await self._places.put(record.topic, record.partition, record.key, record.value)
        resolved = DeadLetterResolved(
            *letter.id, LetterAction.REPLAYED, self._clock.now(), self._by, "", offset
        )
        await self._tell(letter.id, resolved)
        return offset

    async def dismiss(self, letter: Letter, reason: str) -> None:
        """Give the letter up, and say why."""
        if letter.state is not LetterState.OPEN:
            raise InvalidInput(f"{letter.id} is not open: it was {letter.state}")
        resolved = DeadLetterResolved(*letter.id, LetterAction.DISMISSED, self._clock.now(), self._by, reason)
        await self._tell(letter.id, resolved)

    async def _to_publish(self, letter: Letter) -> Record:
        original = await self.original(letter)
        record = original.record
        if letter.fixed is not None:
            if not original.is_whole and len(letter.key or b"") >= LONGEST_KEY:
                raise InvalidInput(f"{letter.id}: its key was cut, and the record has left {letter.id.topic}")
            return Record(record.topic, record.partition, record.offset, record.key, letter.fixed)
        if not original.is_whole:
            raise InvalidInput(
                f"{letter.id}: only its first {letter.size:,} bytes were kept, and the record has left {letter.id.topic}"
            )
        return record

    async def _tell(self, id: LetterId, event: DeadLetterFixed | DeadLetterResolved) -> None:
        at = event.fixed_at if isinstance(event, DeadLetterFixed) else event.at
        value = encode_event(event, id=new_id(), source=_SOURCE, time=at, subject=str(id))
        # By key, as the letter itself: so that it stands behind it.
        await self._places.put(TopicName.DEAD_LETTERS, None, id.topic.encode(), value)


def _begins_with(found: Record, kept: Record) -> bool:
    """Whether the kept bytes are the beginning of what was found: the topic may have been made anew."""
    return (found.value or b"").startswith(kept.value or b"") and (found.key or b"").startswith(
        kept.key or b""
    )


def verdict_on(record: Record) -> str:
    """Why the record's readers would not take it; empty where they would. For people."""
    try:
        check(record)
    except InvalidInput as reason:
        return str(reason)
    return ""
