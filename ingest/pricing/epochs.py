"""Which state of the prices holds from which call on. Pure.

A call must be costed the same again after a crash, although prices have come in meanwhile. So each partition of
`llm.calls` keeps entries *from this offset on, the prices as of that offset of `governance` hold*, and a record is priced
by the last entry at or below it. Two rules make an entry reliable:

- It is durable before any record that it holds for is published.
- It begins behind every record that may have been published before it was made. The one who makes it knows what it has
  published itself. What a process before it published is bounded by the *reach*, which that process stored before it
  published anything.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import msgspec

MOST_KEPT = 100
"""Entries of a partition. Only those of records that may still come again are needed: of two rounds of writing."""
FEW = 16
"""A round of at most so many records has its reach stored exactly; a larger one reaches ahead, to spare the next ones."""
AHEAD = 8


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """From `from_offset` of a partition of `llm.calls` on, the prices as of `governance_offset` hold."""

    from_offset: int
    governance_offset: int


class PriceEpochs:
    """The epochs of one partition. `restored` is what was stored of it: entries, in any order, and the reach."""

    def __init__(self, restored: Iterable[Epoch] = (), reach: int = 0) -> None:
        self._entries = sorted(restored, key=lambda epoch: epoch.from_offset)
        self._fence = reach  # what a process before us may have published lies below
        self._accepted = 0  # behind the last record that we have taken in
        self._taken_since = 0
        self.reach = reach
        """Every record that was or is about to be published lies below."""

    @property
    def entries(self) -> list[Epoch]:
        """Ascending."""
        return self._entries

    def governance_offset(self, offset: int) -> int:
        """The offset of `governance` up to which prices hold for the record at `offset`. There has to be an entry."""
        place = bisect_right(self._entries, offset, key=lambda epoch: epoch.from_offset)
        return self._entries[max(0, place - 1)].governance_offset

    def take(self, offset: int) -> int:
        """A record is taken in; what `governance_offset` says of it."""
        self._taken_since += 1
        self._accepted = max(self._accepted, offset + 1)
        return self.governance_offset(offset)

    def activate(self, governance_offset: int) -> Epoch | None:
        """A new entry, for the records behind all that were taken in; None when its prices hold already."""
        if self._entries and self._entries[-1].governance_offset == governance_offset:
            return None
        start = max(self._accepted, self._fence, self._entries[-1].from_offset) if self._entries else 0
        epoch = Epoch(start, governance_offset)
        if self._entries and self._entries[-1].from_offset == start:
            self._entries.pop()  # it never held for a record
        self._entries.append(epoch)
        return epoch

    def drop_old(self) -> list[Epoch]:
        """Forget entries that no record can need any more."""
        old, self._entries = self._entries[:-MOST_KEPT], self._entries[-MOST_KEPT:]
        return old

    def extend_reach(self) -> bool:
        """Before what was taken in is published: whether there is a new reach, to be stored first."""
        many, self._taken_since = self._taken_since, 0
        needed = max(self._accepted, self._fence)
        if many <= FEW:
            changes = self.reach != needed
            self.reach = needed
            return changes
        if needed <= self.reach:
            return False
        self.reach = needed + many * AHEAD
        return True
