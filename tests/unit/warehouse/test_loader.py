"""The order of the loader's steps, and what it does when one fails. Exactness is tested on a real ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from typing_extensions import override

from ingest.clock import FixedClock
from ingest.errors import Halted, InvalidInput, LogUnavailable, Unavailable
from ingest.events.dead_letters import DeadLetter
from ingest.log import Outgoing, Positions, Record
from ingest.memory import MemoryLog, MemoryReader
from ingest.topics import TopicName
from tests.unit.warehouse.fakes import RememberingClient
from warehouse.destinations import Destination
from warehouse.errors import WarehouseRefused, WarehouseUnavailable
from warehouse.gathering import Limits, Mark
from warehouse.loader import Loader, Pace
from warehouse.patience import Patience
from warehouse.positions import StoredPositions
from warehouse.progress import ProgressReporter
from warehouse.rows import Row

TOPIC = TopicName.COSTS


class Story(Destination):
    """A destination that writes down what happens; `failures` are raised by the next steps of a name."""

    topic = TOPIC
    things = "words"

    def __init__(self) -> None:
        self.events: list[str] = []
        self.failures: dict[str, list[Exception]] = {}

    def happens(self, what: str) -> None:
        self.events.append(what)
        if failures := self.failures.get(what.split()[0]):
            raise failures.pop(0)

    @override
    def row(self, record: Record) -> Row:
        if not record.value:
            raise InvalidInput("no word")
        return (record.value.decode(),)

    @override
    def insert(self, rows: Sequence[Row], token: str) -> None:
        assert token.startswith("L:llm.costs:")
        self.happens("insert " + " ".join(word for (word,) in rows))

    @override
    def settle(self) -> None:
        self.happens("settle")

    async def letters(self, letters: Sequence[DeadLetter]) -> None:
        self.happens("letters " + " ".join(f"{letter.offset}:{letter.reason}" for letter in letters))


class TellingPositions(StoredPositions):
    def __init__(self, story: Story) -> None:
        super().__init__(RememberingClient([]), "L", TOPIC)
        self._story = story

    @override
    def record(self, marks: Mapping[int, Mark]) -> None:
        self._story.happens("record " + " ".join(f"{p}:{mark.position}" for p, mark in sorted(marks.items())))


class TellingReader(MemoryReader):
    def __init__(self, log: MemoryLog, positions: StoredPositions, story: Story) -> None:
        super().__init__(log, TOPIC, positions.start)
        self._story = story
        self.lost = 0
        self.is_lost = False

    @override
    async def read(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        return {} if self.is_lost else await super().read(max_records, timeout_s)

    @override
    async def commit(self, positions: Positions) -> None:
        self._story.happens("commit " + " ".join(f"{p}:{offset}" for p, offset in sorted(positions.items())))

    @override
    async def ends(self) -> Positions:
        return {partition: end - self.lost for partition, end in (await super().ends()).items()}


class Trial:
    """A loader of one partition on a clock that stands still, so that everything is due at every step."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.story = Story()
        self.log = MemoryLog(partitions=1)
        self.clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        positions = TellingPositions(self.story)
        self.reader = TellingReader(self.log, positions, self.story)
        self.progress = RememberingClient()
        self.loader = Loader(
            self.reader,
            positions,
            self.story,
            self.story.letters,
            ProgressReporter(self.progress, "load llm.costs"),
            self.clock,
            pace or Pace(Limits(age_s=0), Patience(first_pause_s=0), settle_s=0, report_s=0),
        )

    async def write(self, *words: str) -> None:
        await self.log.publish([Outgoing(TOPIC, "k", word.encode()) for word in words])

    def after(self, *words: str, steps: int = 1) -> list[str]:
        async def play() -> None:
            await self.write(*words)
            for _ in range(steps):
                await self.loader.step()

        asyncio.run(play())
        return self.story.events


def test_letters_go_first_and_positions_are_recorded_after_everything() -> None:
    assert Trial().after("one", "", "two") == [
        "letters 1:no word",
        "insert one two",
        "settle",
        "record 0:3",
        "commit 0:3",
    ]


def test_records_that_cannot_be_read_move_the_position_too() -> None:
    assert Trial().after("", "") == ["letters 0:no word 1:no word", "settle", "record 0:2", "commit 0:2"]


def test_nothing_is_settled_twice() -> None:
    assert Trial().after("one", steps=3).count("settle") == 1


def test_a_batch_waits_for_its_age_and_settling_for_its_time() -> None:
    pace = Pace(Limits(age_s=2), settle_s=5, report_s=100)
    trial = Trial(pace)
    assert trial.after("one") == []
    trial.clock.advance(2)
    assert trial.after("two") == ["insert one two", "settle", "record 0:2", "commit 0:2"]
    trial.clock.advance(2)
    assert trial.after("three")[4:] == []
    trial.clock.advance(2)
    assert trial.after("four")[4:] == ["insert three four"]
    trial.clock.advance(1)
    assert trial.after("five")[5:] == ["settle", "record 0:4", "commit 0:4"]


class SlowSteps(Trial):
    """Each step of a name takes so many seconds of its clock."""

    def __init__(self, **seconds: float) -> None:
        super().__init__(Pace(Limits(age_s=0), settle_s=1, report_s=1000))
        happens = self.story.happens

        def slowly(what: str) -> None:
            self.clock.advance(seconds.get(what.split()[0], 0))
            happens(what)

        self.story.happens = slowly  # type: ignore[method-assign]


def test_a_slow_settling_is_followed_by_a_rest_and_a_slow_broker_is_not() -> None:
    slow = SlowSteps(settle=10)
    slow.after("one")
    slow.clock.advance(39)
    assert slow.after("two")[-1] == "insert two"
    slow.clock.advance(1)
    assert slow.after("three")[-3:] == ["settle", "record 0:3", "commit 0:3"]

    waiting = SlowSteps(commit=10)
    waiting.after("one")
    assert waiting.after("two")[-3:] == ["settle", "record 0:2", "commit 0:2"]


@pytest.mark.parametrize("step", ["letters", "insert", "settle", "record"])
def test_a_step_that_fails_for_now_is_repeated_as_it_was(step: str) -> None:
    trial = Trial()
    trial.story.failures[step] = [WarehouseUnavailable("away"), LogUnavailable("away")]
    events = trial.after("one", "")
    assert [e for e in events if e.startswith(step)] == [e for e in events if e.startswith(step)][:1] * 3
    assert list(dict.fromkeys(events)) == [
        "letters 1:no word",
        "insert one",
        "settle",
        "record 0:2",
        "commit 0:2",
    ]


def test_a_step_that_fails_for_too_long_ends_the_loader_without_a_position() -> None:
    trial = Trial(Pace(Limits(age_s=0), Patience(give_up_s=0), settle_s=0, report_s=0))
    trial.story.failures["insert"] = [WarehouseUnavailable("away")]
    with pytest.raises(Unavailable):
        trial.after("one")
    assert trial.story.events == ["insert one"]


@pytest.mark.parametrize("step", ["insert", "settle", "record"])
def test_what_the_warehouse_refuses_halts_the_loader(step: str) -> None:
    trial = Trial()
    trial.story.failures[step] = [WarehouseRefused("no such column")]
    with pytest.raises(Halted, match=r"refused.*no such column"):
        trial.after("one")
    assert "commit 0:1" not in trial.story.events


def test_progress_is_reported_and_a_failing_report_stops_nothing() -> None:
    trial = Trial()
    trial.after("one")
    now = trial.clock.now()
    assert trial.progress.inserts[-1] == ("pipeline_progress", [("load llm.costs", 0, 1, 1, now, now)])

    async def away() -> Positions:
        raise LogUnavailable("away")

    trial.reader.ends = away  # type: ignore[method-assign]
    assert trial.after("two")[-1] == "commit 0:2"


def test_a_log_that_lost_its_end_halts_the_loader() -> None:
    trial = Trial()
    trial.after("one", "two")
    trial.reader.lost = 1
    with pytest.raises(Halted, match="ends at offset 1, but was stored up to 2"):
        trial.after()


def test_a_reader_that_lost_its_way_is_given_up() -> None:
    async def scenario(trial: Trial) -> None:
        await trial.write("one")
        trial.reader.is_lost = True
        await trial.loader.step()
        trial.clock.advance(19.0)
        await trial.loader.step()
        trial.clock.advance(2.0)
        with pytest.raises(
            Unavailable, match=r"nothing of llm\.costs was read for 21 seconds although partition 0"
        ):
            await trial.loader.step()

    asyncio.run(scenario(Trial()))


def test_a_topic_on_which_nothing_happens_is_no_standstill() -> None:
    async def scenario(trial: Trial) -> None:
        await trial.write("one")
        await trial.loader.step()
        for _ in range(3):
            trial.clock.advance(60.0)
            await trial.loader.step()

    asyncio.run(scenario(Trial()))
