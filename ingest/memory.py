"""The log in memory: the promises of `ingest.log` for tests and simulations, within one event loop."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

from ingest.errors import LogUnavailable
from ingest.log import Outgoing, Positions, PositionSource, Record


class MemoryLog:
    """Topics as lists. `partitions` is the same for every topic; `fail` makes publishing fail, as a lost broker does."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self.fail = False
        self.topics: defaultdict[str, list[list[Record]]] = defaultdict(
            lambda: [[] for _ in range(self.partitions)]
        )
        self._added = asyncio.Condition()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.fail:
            raise LogUnavailable("the log does not answer (told to fail)")
        for outgoing in records:
            key = outgoing.key.encode()
            number = outgoing.partition
            if number is None:
                number = zlib.crc32(key) % self.partitions
            partition = self.topics[outgoing.topic][number]
            partition.append(Record(outgoing.topic, number, len(partition), key, outgoing.value))
        async with self._added:
            self._added.notify_all()

    async def partitions_of(self, topic: str) -> Sequence[int]:
        return range(len(self.topics[topic]))

    def all_records(self, topic: str) -> list[Record]:
        """Everything on `topic`, partition by partition."""
        return [record for partition in self.topics[topic] for record in partition]

    async def wait_for_more(self, timeout_s: float | None = None) -> None:
        """Until something is published, or `timeout_s` seconds have passed."""
        async with self._added:
            try:
                await asyncio.wait_for(self._added.wait(), timeout_s)
            except TimeoutError:
                return


class MemoryFollower:
    """Follows one topic of a `MemoryLog`."""

    def __init__(self, log: MemoryLog, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._caught_up = asyncio.Event()

    async def records(self) -> AsyncIterator[Record]:
        read = [0] * self._log.partitions
        ends = [len(partition) for partition in self._log.topics[self._topic]]
        while True:
            for number, partition in enumerate(self._log.topics[self._topic]):
                while read[number] < len(partition):
                    record = partition[read[number]]
                    read[number] += 1
                    yield record
            if all(position >= end for position, end in zip(read, ends, strict=True)):
                self._caught_up.set()
            await self._log.wait_for_more()

    async def caught_up(self) -> None:
        await self._caught_up.wait()


class MemoryReader:
    """Reads every partition of one topic of a `MemoryLog`, as the only member of its group."""

    def __init__(self, log: MemoryLog, topic: str, positions: PositionSource) -> None:
        self._log = log
        self._topic = topic
        start = positions(range(log.partitions))
        self._next = {number: start.get(number, 0) for number in range(log.partitions)}
        self.committed: dict[int, int] = {}

    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        if not self._waiting():
            await self._log.wait_for_more(timeout_s)
        found: dict[int, list[Record]] = {}
        for number, partition in enumerate(self._log.topics[self._topic]):
            room = max_records - sum(map(len, found.values()))
            records = partition[self._next[number] : self._next[number] + room]
            if records:
                found[number] = records
                self._next[number] += len(records)
        return found

    async def commit(self, positions: Positions) -> None:
        self.committed.update(positions)

    async def ends(self) -> Positions:
        return {number: len(partition) for number, partition in enumerate(self._log.topics[self._topic])}

    def _waiting(self) -> bool:
        return any(len(p) > self._next[n] for n, p in enumerate(self._log.topics[self._topic]))
