"""Faust tables as the steps see them: bytes under bytes, and a future for each write.

Written past `table[key] = value`, which neither says when its changelog record is durable nor can be used outside an
agent's loop; both matter here. The store and the changelog are those of the table, and Faust restores it from them.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from ingest.topics import PARTITIONS

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_DAY_MS = 86_400_000


def encode(value: object) -> bytes:
    """A key or a value of a table."""
    return _ENCODER.encode(value)


class BytesTable:
    """A Faust table of bytes. `table` is what `create_table` made."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        try:
            value: bytes = self._table.data[key]
        except KeyError:
            return None
        return value

    def put(self, partition: int, key: bytes, value: bytes | None) -> Future[object]:
        """Set `key`, or delete it with None, at once; the future is done when the changelog has it."""
        if value is None:
            with suppress(KeyError):
                del self._table.data[key]
        else:
            self._table.data[key] = value
        sent: Future[object] = self._table.send_changelog(partition, key, value)
        return sent

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Everything in it, also of partitions that are no longer ours: keys say whose they are."""
        yield from self._table.data.items()


def create_memory_table(app: Any, name: str) -> BytesTable:
    """A table held in memory and compacted on the log: for state as large as the number of budgets."""
    return BytesTable(_create(app, name, store="memory://", retention={}, options=None))


def create_disk_table(app: Any, name: str, days: int) -> BytesTable:
    """A table in RocksDB whose entries are dropped after about `days` days, on disk and on the log: for state that
    grows with the number of calls."""
    retention = {"cleanup.policy": "compact,delete", "retention.ms": str(days * _DAY_MS)}
    options = {
        "driver": "rocksdict",
        "ttl": days * _DAY_MS // 1000,
        # A few megabytes a partition in place of the driver's 2 GiB of cache.
        "write_buffer_size": 8 * 1024 * 1024,
        "block_cache_size": 16 * 1024 * 1024,
    }
    return BytesTable(_create(app, name, store="rocksdb://", retention=retention, options=options))


def _create(
    app: Any, name: str, store: str, retention: dict[str, str], options: dict[str, object] | None
) -> Any:
    return app.Table(
        name,
        store=store,
        partitions=PARTITIONS,
        key_type=bytes,
        value_type=bytes,
        extra_topic_configs=retention,
        options=options,
    )
