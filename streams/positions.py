"""Whether the records of a partition come without gaps. Pure.

Faust may resume past records that nobody has processed (after a rebalance, or when acks came out of order), so a
position is believed only when it follows on what was processed before: by this process, or by whoever stored the state
that this process was restored from.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Place(Enum):
    """Where a record stands relative to what was read before."""

    NEXT = "next"
    REPEAT = "repeat"
    """Read before: harmless, since every step recognises what it has done."""
    GAP = "gap"
    """Records before it have not been read."""


class Positions:
    """The next offset due in each partition."""

    def __init__(self) -> None:
        self._due: dict[int, int] = {}

    def begin(self, due: Mapping[int, int]) -> None:
        """Forget all partitions but those in `due`: partition -> offset of the next record."""
        self._due = dict(due)

    def __contains__(self, partition: int) -> bool:
        return partition in self._due

    def due(self, partition: int) -> int:
        """The offset that is due; 0 for a partition nothing is known of."""
        return self._due.get(partition, 0)

    def place(self, partition: int, offset: int) -> Place:
        """Where a record stands; changes nothing."""
        due = self.due(partition)
        if offset == due:
            return Place.NEXT
        return Place.REPEAT if offset < due else Place.GAP

    def took(self, partition: int, offset: int) -> None:
        """The record at `offset` has been taken in. A repeat does not move the position back."""
        self._due[partition] = max(self.due(partition), offset + 1)
