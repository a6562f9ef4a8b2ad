"""The log as the rest of the house sees it: Protocols and what they promise.

`ingest.kafka` keeps these promises on Kafka, `ingest.memory` in memory; one suite of tests runs on both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

import msgspec


class Record(msgspec.Struct, frozen=True):
    """A record as it stands on the log. `timestamp_ms` is the broker's append time."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0


class Outgoing(msgspec.Struct, frozen=True):
    """A record to be written. Records with one key keep their order."""

    topic: str
    key: str
    value: bytes | None
    partition: int | None = None
    """Where it has to stand; None: where its key belongs."""


class EventPublisher(Protocol):
    """Writes records. Never drops one in silence."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Write all of `records`, in order for each key.

        Returns once every one is on the log and replicated as the topic demands. Raises LogUnavailable when that is
        not known within the publisher's time limit: of each partition's records a beginning, none or all may have been
        written (never a later one without an earlier one), and publishing the same records again is the remedy (readers
        recognise repeats by event id or by position).
        """
        ...


class PartitionPublisher(EventPublisher, Protocol):
    """A publisher for whoever has something to say on every partition of a topic."""

    async def partitions_of(self, topic: str) -> Sequence[int]:
        """The partitions of `topic`, in order. Raises LogUnavailable where the log does not say."""
        ...


class TopicFollower(Protocol):
    """Reads a whole compacted topic from its beginning and then what is added, to keep a fold current."""

    def records(self) -> AsyncIterator[Record]:
        """Every record in order, without an end; raises LogUnavailable only while starting."""
        ...

    async def caught_up(self) -> None:
        """Returns once every record that was on the topic when following began has been given out and asked past."""
        ...


Positions = Mapping[int, int]
"""Partition -> offset of the next record to read."""

PositionSource = Callable[[Sequence[int]], Positions]
"""Asked for the start of newly assigned partitions; a partition that it leaves out starts at the beginning."""


class PartitionReader(Protocol):
    """Reads a topic as one of a group; who reads a partition is nobody else's business meanwhile.

    Positions are the reader's own, not the group's: they come from where the results are stored, so that a crash
    between storing and committing can neither lose nor repeat. Offsets of a partition are given out without gaps other
    than those that the log itself has.
    """

    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        """What has arrived, by partition, each in offset order; empty after `timeout_s` seconds without any."""
        ...

    async def commit(self, positions: Positions) -> None:
        """Tell the group how far results are stored (for monitoring and as a hint, never as the proof)."""
        ...

    async def ends(self) -> Positions:
        """The end of each assigned partition: the offset that the next record written will get."""
        ...
