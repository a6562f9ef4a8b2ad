from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typing_extensions import override

from ingest.clock import FixedClock
from ingest.codec import encode_event
from ingest.errors import InvalidInput
from ingest.kafka.spans import Span
from ingest.log import Outgoing, Positions, PositionSource
from ingest.memory import MemoryLog, MemoryReader
from ingest.topics import TopicName
from tests.builders import AT, a_call_costed
from tests.unit.warehouse.fakes import RememberingClient
from warehouse.replay.bounds import Bounds, Place
from warehouse.replay.comparing import Tally, Verdict, Wrong, differing_columns, judge, render
from warehouse.replay.digests import RowDigest
from warehouse.replay.plan import Plan, make_plan
from warehouse.replay.run import replay
from warehouse.replay.target import check_empty, check_log

BOUNDS = Bounds({0: Span(10, 20), 1: Span(0, 5)}, loaded={0: 18, 1: 5})


def row(whole: int, content: int = 0, partition: int = 0, offset: int = 15) -> RowDigest:
    return RowDigest(whole, content, partition, offset)


@pytest.mark.parametrize(
    ("present", "replayed", "verdict"),
    [
        (row(1), row(1), Verdict.EQUAL),
        (row(1, 7, offset=12), row(2, 7, offset=15), Verdict.REPEAT),
        (row(1, 7), row(2, 8), Verdict.DIFFERENT),
        (row(1, 7, offset=20), row(2, 8), Verdict.NEWER),
        (row(1, offset=25), None, Verdict.NEWER),
        (row(1, 7, offset=9), row(2, 8), Verdict.GONE),
        (row(1, partition=7), None, Verdict.GONE),
        (row(1), None, Verdict.FOREIGN),
        (None, row(1), Verdict.LACKING),
        (None, row(1, offset=18), Verdict.WAITING),
        (row(1, 7), row(2, 8, offset=19), Verdict.WAITING),
    ],
)
def test_what_two_rows_are_to_one_another(
    present: RowDigest | None, replayed: RowDigest | None, verdict: Verdict
) -> None:
    assert judge(present, replayed, BOUNDS) is verdict


def test_the_bounds_are_the_same_in_sql() -> None:
    assert (BOUNDS.place(0, 9), BOUNDS.place(0, 10), BOUNDS.place(0, 20)) == (
        Place.GONE,
        Place.HELD,
        Place.NEWER,
    )
    assert BOUNDS.held() == (
        "((kafka_partition = 0 AND kafka_offset >= 10 AND kafka_offset < 20)"
        " OR (kafka_partition = 1 AND kafka_offset >= 0 AND kafka_offset < 5))"
    )
    assert (
        BOUNDS.newer()
        == "((kafka_partition = 0 AND kafka_offset >= 20) OR (kafka_partition = 1 AND kafka_offset >= 5))"
    )
    assert Bounds({}, {}).held() == "(0)"


def test_the_verdict_stands_in_the_last_line_and_what_left_the_log_is_no_difference() -> None:
    tally = Tally("calls", present=5, replayed=3)
    tally.add(Verdict.EQUAL, 3)
    tally.add(Verdict.GONE, 2)
    lines = render([tally]).splitlines()
    assert lines[1].split() == ["calls", "5", "3", "3", "0", "2", "0"]
    assert (
        "2 rows of calls come from records that the log no longer holds; they cannot be compared" in lines[3]
    )
    assert lines[-1] == "equal, row for row"
    tally.add(Verdict.DIFFERENT)
    columns = differing_columns({"cost_usd": 1, "team": "t"}, {"cost_usd": 2, "team": "t"})
    tally.wrong.append(Wrong("calls", "call c of t", Verdict.DIFFERENT, columns))
    lines = render([tally]).splitlines()
    assert lines[3] == "DIFFERS  calls, call c of t: cost_usd is 1 here, 2 by the log"
    assert lines[-1] == "1 rows are not as the log gives them"


class SpanOfMemory(MemoryReader):
    """Ends where it was told to."""

    def __init__(self, log: MemoryLog, topic: str, ends: Positions, positions: PositionSource) -> None:
        super().__init__(log, topic, positions)
        self._ends_at = ends

    @override
    async def ends(self) -> Positions:
        return self._ends_at

    async def is_done(self) -> bool:
        return all(self._next[number] >= end for number, end in self._ends_at.items())


class StoringClient(RememberingClient):
    """Nothing is stored before, whatever is asked."""

    @override
    def rows(self, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        return []

    @override
    def execute(self, sql: str, params: Any = None, *, in_database: bool = True) -> None:
        """Nothing to sum up here."""


def test_everything_on_the_log_is_stored_once_and_the_unreadable_is_counted() -> None:
    async def scenario() -> tuple[StoringClient, int, list[tuple[TopicName, int]]]:
        log = MemoryLog(partitions=1)
        values = [encode_event(a_call_costed(), id="i", source="s", time=AT) for _ in range(3)]
        await log.publish([Outgoing(TopicName.COSTS, "k", value) for value in [*values, b"junk"]])

        @asynccontextmanager
        async def open_reader(
            topic: TopicName, ends: Positions, positions: PositionSource
        ) -> AsyncIterator[SpanOfMemory]:
            yield SpanOfMemory(log, topic, ends, positions)

        client, told = StoringClient(), list[tuple[TopicName, int]]()
        plan = Plan("L", {TopicName.COSTS: {0: Span(0, 4)}})
        outcome = await replay(client, plan, open_reader, lambda t, n: told.append((t, n)), FixedClock(AT))
        return client, outcome.unreadable, told

    client, unreadable, told = asyncio.run(scenario())
    stored = [(table, len(rows)) for table, rows in client.inserts]
    assert stored == [("calls_raw", 3), ("stored_positions", 1)]
    assert unreadable == 1
    assert told[-1] == (TopicName.COSTS, 4)


def test_a_plan_says_how_much_there_is() -> None:
    async def ask(topic: TopicName) -> dict[int, Span]:
        return {0: Span(2, 10)} if topic is TopicName.COSTS else {}

    plan = asyncio.run(make_plan("L", ask))
    assert plan.records == 8
    assert plan.ends(TopicName.COSTS) == {0: 10}
    assert plan.ends(TopicName.STATES) == {}


def test_a_database_that_holds_something_is_refused() -> None:
    check_empty(RememberingClient([("schema_migrations", 9), ("replay_plan", 4)]))
    with pytest.raises(InvalidInput, match=r"it holds calls_raw \(5 rows\)"):
        check_empty(RememberingClient([("schema_migrations", 9), ("calls_raw", 5)]))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Plan("M", {TopicName.COSTS: {0: Span(0, 9)}}), "from another log"),
        (Plan("L", {TopicName.COSTS: {0: Span(0, 8)}}), "no longer goes that far"),
        (Plan("L", {TopicName.COSTS: {0: Span(5, 12)}}), "has lost the records from 3 to 4"),
    ],
)
def test_an_interrupted_replay_goes_on_only_on_the_log_that_it_began_with(now: Plan, told: str) -> None:
    begun = Plan("L", {TopicName.COSTS: {0: Span(0, 9)}})
    check_log(RememberingClient([(0, 3, 77)]), begun, Plan("L", {TopicName.COSTS: {0: Span(3, 20)}}))
    with pytest.raises(InvalidInput, match=told):
        check_log(RememberingClient([(0, 3, 77)]), begun, now)
