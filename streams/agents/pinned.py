"""Which prices hold for which record of `llm.calls`: `ingest.pricing.epochs` on a Faust table.

Two kinds of entry stand in the table `price_epochs`: `from/<offset>` with an offset of `governance`, and `reach`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from ingest.clock import Clock
from ingest.pricing.epochs import Epoch, PriceEpochs
from ingest.pricing.price import PriceBook
from streams.agents.tables import Table

LOOK_EVERY_S = 0.1
"""How long new prices wait for their activation when no call comes that would lead to it."""
_FROM = b"from/"
_REACH = b"reach"


class DatedBooks(Protocol):
    """Price books by what was known when (`ingest.pricing.history`)."""

    @property
    def offset(self) -> int:
        """The offset of the newest price event on `governance`."""
        ...

    def book(self, offset: int) -> PriceBook:
        """The prices as of `offset` of `governance`."""
        ...


class CallPrices(Protocol):
    """Prices, pinned to records."""

    def book(self, partition: int, offset: int) -> PriceBook:
        """The prices for a call that is being taken in: the same ones whenever its record comes again."""
        ...

    def store(self) -> Sequence[Awaitable[None]]:
        """What has to be durable before anything is published that was priced since the last call."""
        ...

    def next_due(self) -> float | None:
        """When (monotonic seconds) `store` should be called although no record came; None: never."""
        ...

    def restore(self, partitions: Sequence[int], /) -> None:
        """Start again from stored state, as the reader of `partitions`."""
        ...


class FixedPrices:
    """One book for all records, for where nothing changes it."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book

    def book(self, partition: int, offset: int) -> PriceBook:  # noqa: ARG002 (of the Protocol)
        return self._book

    def store(self) -> Sequence[Awaitable[None]]:
        return ()

    def next_due(self) -> float | None:
        return None

    def restore(self, _partitions: Sequence[int], /) -> None:
        return


class PinnedPrices:
    """`history` is kept current by somebody else; what is new in it holds from the next `store` on."""

    def __init__(self, table: Table, history: DatedBooks, clock: Clock) -> None:
        self._table = table
        self._history = history
        self._clock = clock
        self._epochs: dict[int, PriceEpochs] = {}
        self._must_flush = False

    def book(self, partition: int, offset: int) -> PriceBook:
        return self._history.book(self._epochs[partition].take(offset))

    def store(self) -> Sequence[Awaitable[None]]:
        for partition, epochs in self._epochs.items():
            if epochs.extend_reach():
                self._put(partition, _REACH, str(epochs.reach))
            self._activate(partition, epochs)
        if not self._must_flush:
            return ()
        self._must_flush = False
        return (self._table.flush(),)

    def next_due(self) -> float | None:
        return self._clock.monotonic() + LOOK_EVERY_S

    def restore(self, partitions: Sequence[int], /) -> None:
        self._epochs = {partition: self._restored(partition) for partition in partitions}
        for partition, epochs in self._epochs.items():
            # Written again, since the local store may know more than the changelog.
            for epoch in epochs.entries:
                self._put_entry(partition, epoch)
            self._put(partition, _REACH, str(epochs.reach))
            if not epochs.entries:
                self._activate(partition, epochs)

    def _restored(self, partition: int) -> PriceEpochs:
        entries, reach = [], 0
        for key, value in self._table.items(partition):
            if key == _REACH:
                reach = int(value)
            else:
                entries.append(Epoch(int.from_bytes(key.removeprefix(_FROM), "big"), int(value)))
        return PriceEpochs(entries, reach)

    def _activate(self, partition: int, epochs: PriceEpochs) -> None:
        epoch = epochs.activate(self._history.offset)
        if epoch is not None:
            self._put_entry(partition, epoch)
            for old in epochs.drop_old():
                self._put(partition, _key(old), None)

    def _put_entry(self, partition: int, epoch: Epoch) -> None:
        self._put(partition, _key(epoch), str(epoch.governance_offset))

    def _put(self, partition: int, key: bytes, value: str | None) -> None:
        self._table.put(partition, key, None if value is None else value.encode())
        self._must_flush = True


def _key(epoch: Epoch) -> bytes:
    return _FROM + epoch.from_offset.to_bytes(8, "big")
