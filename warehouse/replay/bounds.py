"""What of a warehouse can be compared with a replay: rows whose record the log still held when the replay began. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingest.kafka.spans import Span


class Place(StrEnum):
    """Where a row's record stands, seen from the replay."""

    GONE = "gone"
    """Before what the log held: its time (the topic's retention) was over."""
    HELD = "held"
    NEWER = "newer"
    """Behind the end at which the replay stopped."""


@dataclass(frozen=True)
class Bounds:
    """`spans` has what the replay read of each partition; `loaded` how far the present warehouse itself has come."""

    spans: Mapping[int, Span]
    loaded: Mapping[int, int]

    def place(self, partition: int, offset: int) -> Place:
        """Where a record stands. One of a partition that the log does not have is gone."""
        span = self.spans.get(partition)
        if span is None or offset < span.begin:
            return Place.GONE
        return Place.HELD if offset < span.end else Place.NEWER

    def is_waiting(self, partition: int, offset: int) -> bool:
        """Whether the present warehouse has not come as far as this record."""
        return offset >= self.loaded.get(partition, 0)

    def held(self) -> str:
        """The same as a condition in SQL, of the columns `kafka_partition` and `kafka_offset`."""
        return self._any(f"kafka_offset >= {s.begin} AND kafka_offset < {s.end}" for s in self._sorted())

    def newer(self) -> str:
        """Likewise."""
        return self._any(f"kafka_offset >= {s.end}" for s in self._sorted())

    def gone(self) -> str:
        """Likewise."""
        return f"NOT ({self.held()}) AND NOT ({self.newer()})"

    def _sorted(self) -> list[Span]:
        return [self.spans[number] for number in sorted(self.spans)]

    def _any(self, conditions: Iterable[str]) -> str:
        numbered = zip(sorted(self.spans), conditions, strict=True)
        texts = [f"(kafka_partition = {number} AND {condition})" for number, condition in numbered]
        return "(" + (" OR ".join(texts) or "0") + ")"
