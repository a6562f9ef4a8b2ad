"""The promise: whatever crashes and whatever is delivered again, the warehouse holds each call once, in its newest
version, to the last place.

The log is in memory, the warehouse is a real ClickHouse. A crash can strike before and after every single request to the
warehouse and to the dead letters, that is between any two steps and with every answer lost; after it, everything in
memory is gone and a new loader starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from typing_extensions import override

from ingest.clock import FixedClock
from ingest.codec import decode_event, encode_event
from ingest.errors import Halted
from ingest.events.costs import CallCosted, CostCorrected
from ingest.events.dead_letters import DeadLetter
from ingest.ids import new_id
from ingest.log import Outgoing, Record
from ingest.memory import MemoryLog, MemoryReader
from ingest.topics import TopicName
from tests.builders import AT, a_call_costed, corrected
from warehouse.client import Client, Params
from warehouse.columns import Table
from warehouse.destinations import Calls
from warehouse.errors import WarehouseUnavailable
from warehouse.gathering import Limits
from warehouse.loader import Loader, Pace
from warehouse.patience import Patience
from warehouse.positions import StoredPositions, forget_positions
from warehouse.progress import ProgressReporter
from warehouse.rollup import Rollup

pytestmark = pytest.mark.integration

COSTS = TopicName.COSTS
JUNK = b"no event"
Arrival = tuple[str, bytes]
"""A record's key (the team) and its value."""


class Crashed(Exception):
    """The process is gone."""


@dataclass
class Fate:
    """What happens at the moments that come: moment number -> the error. A request has two moments, before and after."""

    strikes: dict[int, type[Exception]]
    moment: int = 0

    def befalls(self, action: Callable[[], Any]) -> Any:
        self.pass_moment()
        result = action()
        self.pass_moment()
        return result

    def pass_moment(self) -> None:
        self.moment += 1
        if (error := self.strikes.pop(self.moment, None)) is not None:
            raise error(f"at moment {self.moment}")


class FatedClient(Client):
    """Another client's requests, at the mercy of fate."""

    def __init__(self, inner: Client, fate: Fate) -> None:
        super().__init__(inner.address, None)
        self._inner = inner
        self._fate = fate

    @override
    def execute(self, sql: str, params: Params | None = None, *, in_database: bool = True) -> None:
        self._fate.befalls(lambda: self._inner.execute(sql, params, in_database=in_database))

    @override
    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        return self._inner.rows(sql, params)

    @override
    def insert(self, table: Table, columns: Sequence[Sequence[Any]], token: str = "") -> None:
        self._fate.befalls(lambda: self._inner.insert(table, columns, token))


class EagerReader(MemoryReader):
    """Never waits for more: time in here is moved by hand."""

    @override
    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        return await super().read(max_records, 0.0)


@dataclass
class World:
    """A log, a warehouse, and loaders that come and go. `run` plays until everything is loaded."""

    client: Client
    fate: Fate = field(default_factory=lambda: Fate({}))
    settle_s: int = 1
    records: int = 10
    log: MemoryLog = field(default_factory=lambda: MemoryLog(partitions=2))
    name: str = field(default_factory=new_id)
    """Sets this world's log and teams apart from those of others in the same tables."""
    letters: set[tuple[int, int]] = field(default_factory=set)
    crashes: int = 0

    async def run(self, arrivals: Sequence[Sequence[Arrival]], lives: int = 1) -> None:
        """Records arrive a portion at a time; `lives` loaders, each for all partitions, take turns."""
        clock = FixedClock(AT)
        running = [self._loader(clock) for _ in range(lives)]
        waiting = list(arrivals)
        for turn in range(2_000):
            if waiting:
                await self.log.publish([Outgoing(COSTS, team, value) for team, value in waiting.pop(0)])
            elif self._is_loaded():
                return
            try:
                await running[turn % lives].step()
            except Crashed:
                self.crashes += 1
                running[turn % lives] = self._loader(clock)
            clock.advance(1)
        raise AssertionError("not loaded after 2,000 steps")

    def _loader(self, clock: FixedClock) -> Loader:
        client = FatedClient(self.client, self.fate)
        positions = StoredPositions(client, self.name, COSTS)
        pace = Pace(Limits(self.records, age_s=2), Patience(first_pause_s=0), self.settle_s, report_s=1e9)
        progress = ProgressReporter(client, f"load {self.name}")
        reader = EagerReader(self.log, COSTS, positions.start)
        return Loader(reader, positions, Calls(client), self._take_letters, progress, clock, pace)

    async def _take_letters(self, letters: Sequence[DeadLetter]) -> None:
        self.fate.pass_moment()
        self.letters |= {(letter.partition, letter.offset) for letter in letters}
        self.fate.pass_moment()

    def _is_loaded(self) -> bool:
        stored = StoredPositions(self.client, self.name, COSTS).stored()
        ends = {n: len(partition) for n, partition in enumerate(self.log.topics[COSTS]) if partition}
        return {n: mark.position for n, mark in stored.items()} == ends

    def check(self) -> None:
        """Compare the warehouse with what stands on the log."""
        expected, junk = newest_on(self.log)
        mine = {"mine": self.name}
        stored = self.client.rows(
            "SELECT call_id, version, cost_usd, model FROM calls WHERE startsWith(team, {mine:String})", mine
        )
        assert len(stored) == len(expected)
        assert {row[0]: row[1:] for row in stored} == expected
        assert self.letters == junk
        totals = self.client.rows(
            "SELECT sum(calls), sum(cost_usd) FROM spend_hourly WHERE startsWith(team, {mine:String})", mine
        )
        assert totals == [(len(expected), sum((cost for _, cost, _ in expected.values()), Decimal(0)))]
        differences = Rollup(self.client).verify(AT - timedelta(days=400), AT + timedelta(days=400))
        assert [d for d in differences if d.team.startswith(self.name)] == []


def newest_on(log: MemoryLog) -> tuple[dict[str, tuple[int, Decimal, str]], set[tuple[int, int]]]:
    """Version, cost and model of each call on the log in its newest version, and where nothing can be read."""
    newest: dict[str, tuple[int, Decimal, str]] = {}
    junk = set()
    for record in log.all_records(COSTS):
        if record.value == JUNK:
            junk.add((record.partition, record.offset))
            continue
        event = decode_event(record.value).data
        assert isinstance(event, CallCosted | CostCorrected)
        version = 1 if isinstance(event, CallCosted) else event.version
        call_id = event.finished.call.call_id
        if version > newest.get(call_id, (0,))[0]:
            newest[call_id] = (version, event.cost.cost_usd, event.finished.model)
    return newest, junk


def as_record(event: CallCosted | CostCorrected) -> Arrival:
    return event.finished.call.who.team, encode_event(event, id=new_id(), source="test", time=AT)


STARTS = (AT, AT + timedelta(minutes=40), AT + timedelta(days=8), AT - timedelta(days=60))
COSTS_USD = st.decimals(Decimal(0), Decimal(1000), places=12)


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[list[Arrival]]]:
    """A world's name, and what arrives in it: new calls, the same again, corrections (some of which move a call to
    another model; one version is one correction, however often it is told), and junk; over three months."""
    name = new_id()
    calls: list[CallCosted] = []
    corrections: dict[tuple[int, int], CostCorrected] = {}
    arrivals: list[list[Arrival]] = []
    for size in draw(st.lists(st.integers(1, 12), min_size=1, max_size=6)):
        portion = []
        for _ in range(size):
            kind = draw(st.sampled_from(["new", "new", "new", "again", "correct", "junk"]))
            team = f"{name}-{draw(st.integers(0, 2))}"
            if kind == "junk":
                portion.append((team, JUNK))
            elif kind == "new" or not calls:
                started = draw(st.sampled_from(STARTS))
                calls.append(a_call_costed(team=team, started_at=started, cost_usd=draw(COSTS_USD)))
                portion.append(as_record(calls[-1]))
            else:
                number = draw(st.integers(0, len(calls) - 1))
                if kind == "again":
                    portion.append(as_record(calls[number]))
                else:
                    version = draw(st.integers(2, 4))
                    model = draw(st.sampled_from(["gpt-4o", "gpt-4o-mini"]))
                    correction = corrected(calls[number], version, cost_usd=draw(COSTS_USD))
                    finished = msgspec.structs.replace(correction.finished, response_model=model)
                    correction = msgspec.structs.replace(correction, finished=finished)
                    portion.append(as_record(corrections.setdefault((number, version), correction)))
        arrivals.append(portion)
    return name, arrivals


STRIKES = st.dictionaries(
    st.integers(1, 50), st.sampled_from([Crashed, Crashed, WarehouseUnavailable]), max_size=10
)


@given(histories(), STRIKES, st.integers(0, 4), st.integers(1, 12), st.integers(1, 2))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
def test_any_crashes_and_any_repeats_leave_each_call_once(
    warehouse: Client,
    history: tuple[str, list[list[Arrival]]],
    strikes: dict[int, type[Exception]],
    settle_s: int,
    records: int,
    lives: int,
) -> None:
    name, arrivals = history
    world = World(warehouse, Fate(dict(strikes)), settle_s, records, name=name)
    asyncio.run(world.run(arrivals, lives))
    world.check()


@pytest.mark.parametrize("error", [Crashed, WarehouseUnavailable])
def test_a_strike_at_each_single_moment_leaves_each_call_once(
    warehouse: Client, error: type[Exception]
) -> None:
    """The same history again and again, each time struck one moment later, until no moment is left to strike at."""
    moment, struck = 0, True
    while struck:
        moment += 1
        world = World(warehouse, Fate({moment: error}), settle_s=2, records=4)
        asyncio.run(world.run(telling_history(world.name)))
        world.check()
        struck = not world.fate.strikes
    assert moment > 20, "the history has become too short to tell anything"


def telling_history(name: str) -> list[list[Arrival]]:
    """Few records with everything in them: two months in one batch, a repeat, a correction that moves a call, junk."""
    one, two, three = (
        a_call_costed(team=f"{name}-{n % 2}", started_at=STARTS[n], cost_usd=f"{n + 1}.000000000001")
        for n in range(3)
    )
    moved = corrected(two, cost_usd="7.5")
    moved = msgspec.structs.replace(
        moved, finished=msgspec.structs.replace(moved.finished, response_model="another-model")
    )
    return [
        [as_record(one), as_record(three), (f"{name}-0", JUNK)],
        [as_record(two), as_record(one)],
        [as_record(moved), as_record(three)],
    ]


def test_two_logs_do_not_mix_their_positions(warehouse: Client) -> None:
    """Kafka was made anew beside a warehouse that stayed: offsets begin again and mean other calls."""
    first = World(warehouse)
    asyncio.run(first.run([[as_record(a_call_costed(team=f"{first.name}-0")) for _ in range(5)]]))
    second = World(warehouse)
    asyncio.run(second.run([[as_record(a_call_costed(team=f"{second.name}-0")) for _ in range(3)]]))
    first.check()
    second.check()


def test_a_topic_that_was_made_anew_on_the_same_cluster_stops_the_loader(warehouse: Client) -> None:
    first = World(warehouse)
    asyncio.run(first.run([[as_record(a_call_costed(team=f"{first.name}-0")) for _ in range(5)]]))
    again = World(warehouse, name=first.name)
    records = [as_record(a_call_costed(team=f"{first.name}-0")) for _ in range(9)]
    with pytest.raises(Halted, match="the topic was made anew"):
        asyncio.run(again.run([records]))
    forget_positions(warehouse)
    asyncio.run(again.run([]))
    both = first.log.all_records(COSTS) + again.log.all_records(COSTS)
    assert warehouse.rows(
        "SELECT count() FROM calls WHERE startsWith(team, {mine:String})", {"mine": first.name}
    ) == [(len(both),)]
