"""How far the loading has come, for people: one row for each partition in `pipeline_progress`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ingest.log import Positions
from warehouse.client import Client
from warehouse.columns import Table
from warehouse.gathering import Mark

PROGRESS = Table(
    "pipeline_progress",
    (
        ("stage", "LowCardinality(String)"),
        ("partition", "UInt32"),
        ("position", "UInt64"),
        ("log_end", "UInt64"),
        ("settled_through", "DateTime64(3, 'UTC')"),
        ("reported_at", "DateTime64(3, 'UTC')"),
    ),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ProgressRow = tuple[str, int, int, int, datetime, datetime]


class ProgressReporter:
    """Writes the progress of one stage, such as `load llm.costs`. Blocks; raises WarehouseUnavailable."""

    def __init__(self, client: Client, stage: str) -> None:
        self._client = client
        self._stage = stage

    def report(self, recorded: Mapping[int, Mark], ends: Positions, asked_at: datetime) -> None:
        """`recorded` is what is stored and summed up, `ends` where the log ended at `asked_at` or later."""
        if rows := progress_rows(self._stage, recorded, ends, asked_at):
            self._client.insert(PROGRESS, list(zip(*rows, strict=True)))


def progress_rows(
    stage: str, recorded: Mapping[int, Mark], ends: Positions, asked_at: datetime
) -> list[ProgressRow]:
    """A row for each partition of which something is known. Pure.

    A partition without anything to read is settled through `asked_at`; one that lags is settled through the time at which
    its last stored record was appended. One that lags and of which nothing was stored is left out.
    """
    rows = []
    for partition, end in sorted(ends.items()):
        mark = recorded.get(partition)
        position = mark.position if mark else 0
        if position >= end:
            settled = asked_at
        elif mark is not None and mark.timestamp_ms:
            settled = _EPOCH + timedelta(milliseconds=mark.timestamp_ms)
        else:
            continue
        rows.append((stage, partition, position, end, settled, asked_at))
    return rows
