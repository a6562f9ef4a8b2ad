"""All dead letters as the topic tells them: a fold of `dead.letters` in order. Pure.

The topic and not the warehouse is asked, so that what was put right a moment ago is what gets replayed, whether or not a
worker is there to load it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from typing_extensions import override

from ingest.codec import decode_event
from ingest.errors import DecodeError, InvalidInput
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved, LetterAction
from ingest.letters import LONGEST_KEY, LONGEST_VALUE
from ingest.log import Record

_ID = re.compile(r"(?P<topic>[A-Za-z0-9._-]{1,249})/(?P<partition>\d{1,9})/(?P<offset>\d{1,18})")


class LetterId(NamedTuple):
    """The place of the record that could not be used."""

    topic: str
    partition: int
    offset: int

    @override
    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class LetterState(StrEnum):
    """Where a letter stands."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


@dataclass(frozen=True)
class Letter:
    """A dead letter as it stands. `key`, `value` and `fixed` are None where they were not asked for, too."""

    id: LetterId
    reason: str
    seen_at: datetime
    key: bytes | None
    value: bytes | None
    size: int
    """Bytes of the value that are kept."""
    is_cut: bool
    """Whether the key or the value may go on beyond what is kept."""
    state: LetterState = LetterState.OPEN
    fixed: bytes | None = None
    is_fixed: bool = False
    acted_at: datetime | None = None
    acted_by: str = ""
    note: str = ""
    replayed_to: int | None = None


def parse_id(text: str) -> LetterId:
    """Raises InvalidInput for anything but `topic/partition/offset`."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(
            f"{text!r} names no letter; a letter's name is topic/partition/offset: llm.calls/2/17"
        )
    return LetterId(found["topic"], int(found["partition"]), int(found["offset"]))


Wanted = Callable[[LetterId], bool]


class LetterBook:
    """Folds records of `dead.letters`. Bytes are kept of those letters only that are `wanted`: there may be many, and each
    up to half a megabyte."""

    def __init__(self, wanted: Wanted = lambda _: False) -> None:
        self._wanted = wanted
        self._letters: dict[LetterId, Letter] = {}
        self.unreadable = 0
        """Records of the topic that are none of its events."""

    def add(self, record: Record) -> None:
        """Take in the next record of the topic."""
        try:
            event = decode_event(record.value).data
        except DecodeError:
            self.unreadable += 1
            return
        match event:
            case DeadLetter():
                self._open(event)
            case DeadLetterFixed():
                self._fix(event)
            case DeadLetterResolved():
                self._resolve(event)
            case _:
                self.unreadable += 1

    def get(self, id: LetterId) -> Letter:
        """Raises InvalidInput when there is no such letter."""
        found = self._letters.get(id)
        if found is None:
            raise InvalidInput(f"there is no letter {id} on dead.letters (it keeps them for 90 days)")
        return found

    def all(self, topic: str = "", state: LetterState | None = None) -> list[Letter]:
        """The letters in the order of their names, of one topic and in one state where these are given."""
        return [
            letter
            for id, letter in sorted(self._letters.items())
            if topic in ("", id.topic) and state in (None, letter.state)
        ]

    def _open(self, event: DeadLetter) -> None:
        id = LetterId(event.topic, event.partition, event.offset)
        if id in self._letters:
            return  # met again: says the same, and opens nothing
        keep = self._wanted(id)
        size, key_size = len(event.value or b""), len(event.key or b"")
        self._letters[id] = Letter(
            id,
            event.reason,
            event.seen_at,
            event.key if keep else None,
            event.value if keep else None,
            size,
            is_cut=size >= LONGEST_VALUE or key_size >= LONGEST_KEY,
        )

    def _fix(self, event: DeadLetterFixed) -> None:
        id = LetterId(event.topic, event.partition, event.offset)
        if (letter := self._letters.get(id)) is not None:
            self._letters[id] = replace(
                letter,
                state=LetterState.OPEN,
                fixed=event.value if self._wanted(id) else None,
                is_fixed=True,
                acted_at=event.fixed_at,
                acted_by=event.by,
                note=event.note,
                replayed_to=None,
            )

    def _resolve(self, event: DeadLetterResolved) -> None:
        id = LetterId(event.topic, event.partition, event.offset)
        if (letter := self._letters.get(id)) is not None:
            is_replay = event.action is LetterAction.REPLAYED
            self._letters[id] = replace(
                letter,
                state=LetterState.REPLAYED if is_replay else LetterState.DISMISSED,
                acted_at=event.at,
                acted_by=event.by,
                note=event.note,
                replayed_to=event.replayed_to,
            )


def fold(records: Iterable[Record], wanted: Wanted = lambda _: False) -> LetterBook:
    """The book of these records."""
    book = LetterBook(wanted)
    for record in records:
        book.add(record)
    return book
