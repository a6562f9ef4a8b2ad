"""Faust tables as the steps see them: bytes under bytes, by partition, written in rounds.

Written past `table[key] = value`, which neither says when its changelog record is durable nor can be used outside an
agent's loop (both matter here), and sends one request a record. Store and changelog are those of the table: Faust
restores the one from the other, and only what is missing, since the store (RocksDB) outlives the process.

The store may be ahead of the changelog after a crash, by writes that were never delivered. Whoever finds that a record
has been applied already therefore writes its entry again, so that the changelog alone is always enough.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Mapping
from typing import Any, Protocol

import msgspec
from faust.types import TP
from rocksdict import WriteBatch

from ingest.kafka.batches import send_in_order
from ingest.topics import PARTITIONS

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_DAY_MS = 86_400_000
_MIB = 1024 * 1024


def encode(value: object) -> bytes:
    """A key or a value of a table."""
    return _ENCODER.encode(value)


class Table(Protocol):
    """A table of bytes, each partition by itself."""

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        ...

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Set `key`, or delete it with None, for every `get` from now on; `flush` makes it durable."""
        ...

    def flush(self) -> Awaitable[None]:
        """Send what was put since the last call to the changelog, the last value of each key; done when the changelog has
        it."""
        ...

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Every key with its value."""
        ...

    def drop_below(self, partition: int, key: bytes) -> None:
        """Forget all keys that sort before `key`, here; on the changelog they end with its retention."""
        ...


STORE = "rocksdb://"
"""The store of all tables. To be set for the app: Faust takes it for no store where it is set for a table."""


class FaustTable:
    """`Table` on a Faust table whose store is RocksDB. What is put is remembered here, the last value of a key alone,
    until `flush` writes it: one batch to the store and one to the changelog for each partition."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._unsent: defaultdict[int, dict[bytes, bytes | None]] = defaultdict(dict)

    def get(self, partition: int, key: bytes) -> bytes | None:
        unsent = self._unsent.get(partition)
        if unsent is not None and key in unsent:
            return unsent[key]
        value: bytes | None = self._database(partition).get(key)
        return value

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        self._unsent[partition][key] = value

    def flush(self) -> Awaitable[None]:
        unsent, self._unsent = self._unsent, defaultdict(dict)
        for partition, writes in unsent.items():
            self._store(partition, writes)
        return self._send(unsent)

    def _store(self, partition: int, writes: Mapping[bytes, bytes | None]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in writes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._database(partition).write(batch)

    async def _send(self, unsent: Mapping[int, Mapping[bytes, bytes | None]]) -> None:
        await asyncio.gather(*(self._send_part(number, writes) for number, writes in unsent.items()))

    async def _send_part(self, partition: int, writes: Mapping[bytes, bytes | None]) -> None:
        topic, producer = self._table.changelog_topic_name, self._table.app.producer._ensure_producer()
        last = await send_in_order(producer, topic, partition, list(writes.items()))
        self._table.data.set_persisted_offset(TP(topic, partition), last)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        unsent = self._unsent.get(partition, {})
        for key, value in self._database(partition).items():
            if key != self._table.data.offset_key and key not in unsent:
                yield key, value
        yield from ((key, value) for key, value in unsent.items() if value is not None)

    def drop_below(self, partition: int, key: bytes) -> None:
        # The driver's own key, where the changelog stands, begins with an underscore.
        self._database(partition).delete_range(b"", min(key, self._table.data.offset_key))

    def _database(self, partition: int) -> Any:
        return self._table.data._db_for_partition(partition)


def create_table(app: Any, name: str) -> FaustTable:
    """A table as large as the number of budgets: changelog compacted early, so that an empty disk is soon restored."""
    compaction = {
        "segment.bytes": str(_MIB),
        "min.cleanable.dirty.ratio": "0.2",
        "max.compaction.lag.ms": str(_DAY_MS),
    }
    return FaustTable(_create(app, name, compaction, buffer_mib=1))


def create_expiring_table(app: Any, name: str, days: int) -> FaustTable:
    """A table that grows with the number of calls: the changelog keeps entries for `days` days; `drop_below` frees the
    disk. (The driver's `ttl` is no way to do that: we have seen it drop all entries at once.)"""
    expiry = {"cleanup.policy": "compact,delete", "retention.ms": str(days * _DAY_MS)}
    return FaustTable(_create(app, name, expiry, buffer_mib=8))


def _create(app: Any, name: str, changelog: dict[str, str], buffer_mib: int) -> Any:
    return app.Table(
        name,
        partitions=PARTITIONS,
        key_type=bytes,
        value_type=bytes,
        extra_topic_configs=changelog,
        options={
            "driver": "rocksdict",
            # Each partition is a database of its own, and the driver's defaults are 64 MiB and 2 GiB.
            "write_buffer_size": buffer_mib * _MIB,
            "block_cache_size": 2 * buffer_mib * _MIB,
        },
    )
