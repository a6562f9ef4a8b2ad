from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from typing_extensions import override

from ingest.codec import decode_event
from ingest.events.costs import CostCorrected
from ingest.log import Outgoing
from ingest.memory import MemoryLog
from ingest.pricing.book import GenaiPriceBook
from streams.reprice.run import SLICE, Applied, Repricing
from streams.reprice.selection import selection
from tests.builders import AT, a_call_costed, corrected
from tests.unit.warehouse.fakes import RememberingClient
from warehouse.restoring import COLUMNS
from warehouse.rows import CALLS, call_row, micros

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = AT.replace(minute=0, second=0, microsecond=0)


class SlicedLog(MemoryLog):
    """Remembers how many records each publication had."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.slices: list[int] = []

    @override
    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.slices.append(len(records))
        await super().publish(records)


def as_read(event: Any) -> tuple[Any, ...]:
    found = dict(zip(CALLS.names, call_row(event, 0, 0), strict=True))
    for name in ("started_at", "finished_at"):
        found[name] = EPOCH + timedelta(microseconds=found[name])
    return tuple(found[name] for name in COLUMNS)


def applied(log: MemoryLog, *portions: list[tuple[Any, ...]]) -> Applied:
    hours = [(HOUR + timedelta(hours=n), 10_000) for n in range(len(portions))]
    client = RememberingClient(hours, *portions)

    async def scenario() -> Applied:
        repricing = Repricing(client, selection("", ""), GenaiPriceBook(), NOW)
        seen: list[int] = []
        found = await repricing.apply(await repricing.plan(), log, "a reason", seen.append)
        assert seen == [len(portion) for portion in portions]
        return found

    return asyncio.run(scenario())


def published(log: MemoryLog) -> list[CostCorrected]:
    found = [decode_event(record.value).data for record in log.all_records("llm.costs")]
    assert all(isinstance(event, CostCorrected) for event in found)
    return [event for event in found if isinstance(event, CostCorrected)]


def test_only_what_differs_is_corrected_with_one_version_for_the_run() -> None:
    log = SlicedLog()
    wrong = a_call_costed(cost_usd="1")
    right = a_call_costed(cost_usd="0.0055", input_cost_usd="0.0025", output_cost_usd="0.003")
    found = applied(log, [as_read(wrong)], [as_read(right)])
    (event,) = published(log)
    assert event.finished.call == wrong.finished.call
    assert (event.version, event.reason, event.corrected_at) == (micros("", NOW), "a reason", NOW)
    assert (found.corrected, found.overtaken, found.version) == (1, 0, micros("", NOW))
    assert found.tally.total().difference_usd == Decimal("0.0055") - 1


def test_corrections_are_published_in_slices() -> None:
    log = SlicedLog()
    applied(log, [as_read(a_call_costed(cost_usd="1")) for _ in range(2 * SLICE + 1)])
    assert log.slices == [SLICE, SLICE, 1]


def test_a_call_that_somebody_corrected_since_the_run_began_is_left_alone() -> None:
    log = SlicedLog()
    call = a_call_costed(cost_usd="1")
    newer = corrected(call, micros("", NOW), cost_usd="2")
    older = corrected(a_call_costed(cost_usd="1"), micros("", NOW) - 1, cost_usd="2")
    found = applied(log, [as_read(newer), as_read(older)])
    assert (found.corrected, found.overtaken) == (1, 1)
    (event,) = published(log)
    assert event.previous_version == micros("", NOW) - 1
