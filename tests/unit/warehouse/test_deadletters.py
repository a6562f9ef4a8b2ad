from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from ingest.clock import FixedClock
from ingest.codec import Event, decode_event, encode_event
from ingest.errors import InvalidInput
from ingest.events.charges import BudgetRevised, ChargeSettled, SourcePosition
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved, LetterAction
from ingest.events.governance import TeamDefined
from ingest.letters import LONGEST_VALUE, dead_letter
from ingest.log import Record
from ingest.money import usd
from ingest.topics import TopicName
from tests.builders import AT, a_budget, a_call_costed
from warehouse.deadletters import display
from warehouse.deadletters.book import Letter, LetterId, LetterState, fold, parse_id
from warehouse.deadletters.checking import BELONGS, check, check_replay
from warehouse.deadletters.desk import Desk, Original

ID = LetterId("llm.calls", 1, 7)


def told(event: Event, id: str = "i") -> bytes:
    return encode_event(event, id=id, source="test", time=AT)


FINISHED = told(a_call_costed().finished)
BROKEN = FINISHED.replace(b'"outcome":', b'"outcome"', 1)


class MemoryPlaces:
    """Topics of one partition; `dead.letters` among them."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}

    async def everything(self, topic: str) -> AsyncIterator[Record]:
        for record in self.topics.get(topic, []):
            yield record

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        found = [r for r in self.topics.get(topic, []) if (r.partition, r.offset) == (partition, offset)]
        return found[0] if found else None

    async def put(self, topic: str, partition: int | None, key: bytes | None, value: bytes | None) -> int:
        records = self.topics.setdefault(topic, [])
        records.append(Record(topic, partition or 0, len(records) + 100, key, value))
        return records[-1].offset

    def bury(self, record: Record) -> None:
        letter = dead_letter(record, "it is broken", AT)
        self.topics.setdefault(TopicName.DEAD_LETTERS, []).append(
            Record(TopicName.DEAD_LETTERS, 0, 0, record.topic.encode(), told(letter))
        )


def at_desk(record: Record, *work: Callable[[Desk, Letter], object]) -> tuple[MemoryPlaces, Letter]:
    """Bury `record`, then do each piece of `work` with the letter as it stands then; what comes of it."""

    async def scenario() -> tuple[MemoryPlaces, Letter]:
        places, clock = MemoryPlaces(), FixedClock(AT)
        places.bury(record)
        desk, id = Desk(places, clock, "ada"), LetterId(record.topic, record.partition, record.offset)
        for piece in work:
            clock.advance(1)
            await piece(desk, await desk.letter(id))  # type: ignore[misc]
        return places, await desk.letter(id)

    return asyncio.run(scenario())


def test_a_record_that_was_put_right_is_published_where_it_came_from_under_its_own_key() -> None:
    places, letter = at_desk(
        Record(*ID, b"search", BROKEN),
        lambda desk, letter: desk.fix(letter, FINISHED, "a colon"),
        lambda desk, letter: desk.replay(letter),
    )
    (published,) = places.topics["llm.calls"]
    assert (published.partition, published.key, published.value) == (1, b"search", FINISHED)
    assert (letter.state, letter.replayed_to, letter.acted_by) == (LetterState.REPLAYED, 100, "ada")
    assert letter.value == BROKEN, "the original is kept"


def test_what_its_readers_would_not_take_is_neither_kept_nor_published() -> None:
    record = Record(*ID, b"search", BROKEN)
    with pytest.raises(InvalidInput, match="no CloudEvents envelope"):
        at_desk(record, lambda desk, letter: desk.replay(letter))
    with pytest.raises(InvalidInput, match="TeamDefined does not belong on"):
        at_desk(record, lambda desk, letter: desk.fix(letter, told(TeamDefined("t", AT))))
    with pytest.raises(InvalidInput, match="at most 524,288 can be kept"):
        at_desk(record, lambda desk, letter: desk.fix(letter, b"x" * (LONGEST_VALUE + 1)))


def test_an_original_that_can_be_read_by_now_is_replayed_as_it_was() -> None:
    places, letter = at_desk(Record(*ID, b"search", FINISHED), lambda desk, letter: desk.replay(letter))
    assert [record.value for record in places.topics["llm.calls"]] == [FINISHED]
    assert letter.state is LetterState.REPLAYED


def test_a_charge_is_not_replayed_since_the_ledger_would_skip_it() -> None:
    charge = ChargeSettled("b", "0/x", "c", usd("1"), SourcePosition(0, 1), AT)
    with pytest.raises(InvalidInput, match="would skip it"):
        check_replay(Record(TopicName.CHARGES, 0, 1, b"b", told(charge)))
    check_replay(Record(TopicName.CHARGES, 0, 1, b"b", told(BudgetRevised(a_budget(), AT))))


def test_what_was_cut_is_read_again_from_its_topic() -> None:
    long = told(a_call_costed(tags={"note": "x" * LONGEST_VALUE}).finished)
    record = Record("llm.calls", 0, 7, b"search", long)

    async def scenario(is_there: bool) -> Original:
        places = MemoryPlaces()
        places.bury(record)
        if is_there:
            places.topics["llm.calls"] = [record]
        desk = Desk(places, FixedClock(AT), "ada")
        letter = await desk.letter(LetterId("llm.calls", 0, 7))
        assert letter.is_cut
        if is_there:
            await desk.replay(letter)
            assert places.topics["llm.calls"][-1].value == long
        else:
            with pytest.raises(InvalidInput, match="only its first 524,288 bytes were kept"):
                await desk.replay(letter)
        return await desk.original(letter)

    assert asyncio.run(scenario(is_there=True)).is_whole
    assert not asyncio.run(scenario(is_there=False)).is_whole


def test_a_dismissed_letter_says_why_and_is_dismissed_once() -> None:
    record = Record(*ID, b"search", b"junk")
    _, letter = at_desk(record, lambda desk, letter: desk.dismiss(letter, "a test"))
    assert (letter.state, letter.note) == (LetterState.DISMISSED, "a test")
    with pytest.raises(InvalidInput, match="is not open: it was dismissed"):
        at_desk(record, *[lambda desk, letter: desk.dismiss(letter, "a test")] * 2)


def records(*events: Event | bytes) -> list[Record]:
    return [
        Record(TopicName.DEAD_LETTERS, 0, n, b"llm.calls", e if isinstance(e, bytes) else told(e))
        for n, e in enumerate(events)
    ]


LETTER = DeadLetter(*ID, "why", b"search", b"junk", AT)
REPLAYED = DeadLetterResolved(*ID, LetterAction.REPLAYED, AT, "ada", "", 9)


def test_a_letter_met_again_opens_nothing_and_one_put_right_again_is_open() -> None:
    assert fold(records(LETTER, REPLAYED, LETTER)).get(ID).state is LetterState.REPLAYED
    again = fold(records(LETTER, REPLAYED, DeadLetterFixed(*ID, b"{}", AT))).get(ID)
    assert (again.state, again.is_fixed, again.replayed_to) == (LetterState.OPEN, True, None)


def test_bytes_are_kept_of_wanted_letters_only_and_strangers_are_counted() -> None:
    other = DeadLetter("llm.costs", 0, 3, "why", b"k", b"v" * 9, AT + timedelta(days=1))
    book = fold(records(b"junk", LETTER, other, TeamDefined("t", AT), REPLAYED), lambda id: id == ID)
    assert (book.get(ID).value, book.get(LetterId("llm.costs", 0, 3)).value) == (b"junk", None)
    assert book.unreadable == 2
    assert [letter.id.topic for letter in book.all(state=LetterState.OPEN)] == ["llm.costs"]
    assert [letter.id for letter in book.all("llm.calls")] == [ID]
    assert display.summary(book.all()) == "2 letters: 1 open, 1 replayed"


@pytest.mark.parametrize(
    "text", ["", "llm.calls", "llm.calls/1", "llm.calls/1/x", "a/b/c/1/2", "llm.calls/-1/2"]
)
def test_a_name_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="topic/partition/offset"):
        parse_id(text)


def test_a_name_is_read_as_it_is_written() -> None:
    assert parse_id(str(ID)) == ID
    with pytest.raises(InvalidInput, match="there is no letter"):
        fold([]).get(ID)


def test_where_json_breaks_is_marked() -> None:
    said, (text, mark) = display.where_json_breaks(b'{"a": 1, "b" 2}')
    assert said == "no JSON from byte 13 on (line 1, column 14): Expecting ':' delimiter"
    assert text[mark.index("^")] == "2"
    said, (text, mark) = display.where_json_breaks(b'{"a": "\xc3\xa4\xff"}')
    assert said == "byte 9 is no UTF-8 (0xff)"
    assert text[mark.index("^")] == "\ufffd"
    assert display.where_json_breaks(b"{}") == ("", [])


def test_a_letter_is_shown_with_why_its_readers_do_not_take_it() -> None:
    record = Record(*ID, b"search", BROKEN)
    letter = fold(records(dead_letter(record, "it is broken", AT)), lambda _: True).get(ID)
    text = display.whole(letter, Original(record, is_whole=True))
    assert "letter    llm.calls/1/7" in text
    assert "key       search (6 bytes)" in text
    assert "readers   would not take it: no CloudEvents envelope" in text
    assert "breaks    no JSON from byte" in text
    assert display.pretty(b'{"cost":"0.10","n":1.10}').splitlines()[2] == '  "n": 1.10'


def test_a_list_fits_the_terminal() -> None:
    book = fold(records(DeadLetter(*ID, "w" * 500, None, None, AT)))
    lines = display.listing(book.all(), width=100).splitlines()
    assert lines[0].split() == ["letter", "state", "seen", "(UTC)", "bytes", "reason"]
    assert len(lines[1]) == 100
    assert lines[1].endswith("…")
    assert display.as_json(book.all())[0]["id"] == "llm.calls/1/7"


def test_every_class_of_event_belongs_somewhere() -> None:
    placed = [cls for classes in BELONGS.values() for cls in classes]
    assert set(placed) == set(Event.__args__)
    assert len(placed) == len(set(placed))
    with pytest.raises(InvalidInput, match="nobody here reads elsewhere"):
        check(Record("elsewhere", 0, 0, None, FINISHED))
    assert decode_event(FINISHED).data == check(Record(*ID, b"k", FINISHED)).data
