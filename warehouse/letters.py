"""Where a loader's dead letters go."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.events.dead_letters import DeadLetter
from ingest.letters import letter_record
from ingest.log import EventPublisher


class LetterPublisher:
    """A `DeadLetterSink` that publishes to `dead.letters`."""

    def __init__(self, publisher: EventPublisher, source: str) -> None:
        self._publisher = publisher
        self._source = source

    async def __call__(self, letters: Sequence[DeadLetter]) -> None:
        """Returns once all are on the log; raises LogUnavailable."""
        await self._publisher.publish([letter_record(letter, self._source) for letter in letters])
