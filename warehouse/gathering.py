"""Records that were read and are not stored yet, until there are enough of them for one insert. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.log import Record


@dataclass(frozen=True)
class Limits:
    """When a batch is closed: at so many records, at so many bytes, or when its first record has waited so long.

    Large batches are what ClickHouse wants (each insert is a part to be merged); half a second is what a person who
    waits for a figure does not mind.
    """

    records: int = 20_000
    bytes: int = 32 * 1024 * 1024
    age_s: float = 0.5


@dataclass(frozen=True)
class Mark:
    """A place in a partition: everything before `position` has been dealt with. `fingerprint` is that of the record just
    before it, `timestamp_ms` the time at which the broker appended that record."""

    position: int
    fingerprint: int
    timestamp_ms: int

    @classmethod
    def after(cls, record: Record) -> Mark:
        return cls(record.offset + 1, fingerprint(record), record.timestamp_ms)


@dataclass(frozen=True)
class Batch:
    """Records in the order in which they were read, which is offset order within a partition."""

    records: Sequence[Record]

    def marks(self) -> dict[int, Mark]:
        """Where each partition stands once the batch is stored."""
        last = {record.partition: record for record in self.records}
        return {partition: Mark.after(record) for partition, record in last.items()}

    def token(self, log: str) -> str:
        """A name for exactly this content, for the server to recognise a repeat by: for each run of offsets the range and
        the last record's fingerprint (the same range may hold other records once a topic has been made anew)."""
        runs: list[list[Record]] = []
        for record in self.records:
            run = runs[-1] if runs else None
            if run and record.partition == run[1].partition and record.offset == run[1].offset + 1:
                run[1] = record
            else:
                runs.append([record, record])
        ranges = ",".join(
            f"{first.topic}:{first.partition}:{first.offset}-{last.offset}:{fingerprint(last):x}"
            for first, last in runs
        )
        return f"{log}:{ranges}" if len(runs) <= 8 else hashlib.sha256(f"{log}:{ranges}".encode()).hexdigest()


class Gathering:
    """Collects a batch. Times are those of one monotonic clock, in seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._records: list[Record] = []
        self._bytes = 0
        self._since = 0.0

    def add(self, found: Mapping[int, Sequence[Record]], now: float) -> None:
        """Take in what was read at `now`, each partition in offset order."""
        for records in found.values():
            if records and not self._records:
                self._since = now
            self._records.extend(records)
            self._bytes += sum(len(record.value or b"") for record in records)

    @property
    def room(self) -> int:
        """How many more records fit into this batch; at least 1."""
        return max(1, self._limits.records - len(self._records))

    def due_in(self, now: float) -> float | None:
        """Seconds until the batch is to be stored, 0 when it is due; None while it is empty."""
        if not self._records:
            return None
        if len(self._records) >= self._limits.records or self._bytes >= self._limits.bytes:
            return 0.0
        return max(0.0, self._since + self._limits.age_s - now)

    def close(self) -> Batch:
        """The batch; gathering begins anew."""
        batch = Batch(self._records)
        self._records, self._bytes = [], 0
        return batch


def fingerprint(record: Record) -> int:
    """64 bits of the record's key and value."""
    digest = hashlib.blake2b(record.key or b"", digest_size=8)
    digest.update(b"\x00" if record.value is None else b"\x01" + record.value)
    return int.from_bytes(digest.digest(), "big")
