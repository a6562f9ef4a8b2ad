"""What a processing step is to the machinery around it: records in, work out.

A step folds records in memory, at once and without waiting, and is asked now and then for the work that follows from
everything it has taken in. The machinery (`streams.outbox`) makes that work durable and only then lets go of the
records, so a step never waits for Kafka and needs none in a test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import NamedTuple, Protocol

from ingest.log import Outgoing, Record


class Work(NamedTuple):
    """What has to become durable."""

    records: Sequence[Outgoing] = ()
    """To be published, in this order."""
    stored: Sequence[Awaitable[None]] = ()
    """The writing of state."""
    first: Sequence[Awaitable[None]] = ()
    """State that has to be durable before any of `records` is published."""


class Step(Protocol):
    """One processing step."""

    def accept(self, record: Record) -> None:
        """Take one record in. Records of a partition come in offset order; after a restart some come again."""
        ...

    def take(self) -> Work:
        """The work that follows from everything accepted since the last call."""
        ...

    def next_due(self) -> float | None:
        """When (monotonic seconds) there will be work although no record came; None: never."""
        ...

    def restore(self, partitions: Sequence[int], /) -> None:
        """Start again from stored state, as the reader of `partitions`."""
        ...
