from __future__ import annotations

from datetime import UTC, datetime

from tests.unit.warehouse.fakes import RememberingClient
from warehouse.gathering import Mark
from warehouse.progress import ProgressReporter, progress_rows

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIER_MS = 1_795_521_600_500
EARLIER = datetime(2026, 11, 24, 12, 0, 0, 500_000, tzinfo=UTC)


def test_a_partition_that_was_read_to_its_end_is_settled_until_it_was_asked() -> None:
    rows = progress_rows("load x", {0: Mark(7, 1, EARLIER_MS)}, {0: 7, 1: 0}, NOW)
    assert rows == [("load x", 0, 7, 7, NOW, NOW), ("load x", 1, 0, 0, NOW, NOW)]


def test_a_partition_that_lags_is_settled_until_its_last_stored_record() -> None:
    assert progress_rows("load x", {0: Mark(7, 1, EARLIER_MS)}, {0: 9}, NOW) == [
        ("load x", 0, 7, 9, EARLIER, NOW)
    ]


def test_nothing_is_said_of_a_partition_of_which_nothing_is_known() -> None:
    client = RememberingClient()
    ProgressReporter(client, "load x").report({1: Mark(3, 1, 0)}, {0: 9, 1: 5}, NOW)
    assert client.inserts == []


def test_partitions_of_others_are_not_reported() -> None:
    client = RememberingClient()
    ProgressReporter(client, "load x").report({0: Mark(1, 1, 0), 1: Mark(3, 1, 0)}, {0: 1}, NOW)
    assert client.inserts == [("pipeline_progress", [("load x", 0, 1, 1, NOW, NOW)])]
