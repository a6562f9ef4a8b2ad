"""Whether the records of a partition come without gaps. Pure.

Faust may resume past records that nobody has processed (after a rebalance, or when acks came out of order), so a
position is believed only when it follows on what was processed before: by this process, or by whoever stored the state
that this process was restored from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


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

    def following(self, partition: int, offsets: Iterable[int]) -> int:
        """How many of the records at `offsets` may be taken in: those before the first one that leaves a gap, behind which
        a record has not been read. One that was read before is harmless: every step recognises what it has done."""
        due, count = self.due(partition), 0
        for offset in offsets:
            if offset > due:
                break
            due = max(due, offset + 1)
            count += 1
        return count

    def took(self, partition: int, offset: int) -> None:
        """The record at `offset` has been taken in. A repeat does not move the position back."""
        self._due[partition] = max(self.due(partition), offset + 1)
