from __future__ import annotations

import asyncio

from ingest.codec import decode_event
from ingest.events.dead_letters import DeadLetter
from ingest.letters import dead_letter
from ingest.log import Record
from ingest.memory import MemoryLog
from ingest.topics import TopicName
from tests.builders import AT
from warehouse.letters import LetterPublisher

MIB = 1024 * 1024


def test_a_letter_says_where_the_record_stood_and_why() -> None:
    letter = dead_letter(Record("llm.costs", 2, 7, b"k", b"\xff"), "no envelope", AT)
    assert letter == DeadLetter("llm.costs", 2, 7, "no envelope", b"k", b"\xff", AT)


def test_what_is_too_long_for_a_record_is_cut_and_the_reason_says_so() -> None:
    letter = dead_letter(Record("llm.costs", 2, 7, b"k" * 5000, b"v" * MIB), "x" * 9000, AT)
    assert letter.key == b"k" * 4096
    assert letter.value == b"v" * (MIB // 2)
    assert letter.reason.endswith(
        "(the key has 5000 bytes; the first 4096 are kept) (the value has 1048576 bytes; the first 524288 are kept)"
    )


def test_letters_are_published_under_the_id_of_their_place() -> None:
    async def publish() -> MemoryLog:
        log = MemoryLog(partitions=1)
        sink = LetterPublisher(log, "spendstream/loader/test")
        letters = [dead_letter(Record("llm.costs", 2, n, b"k", b"v" * MIB), "bad", AT) for n in (7, 8)]
        await sink(letters)
        await sink(letters)
        return log

    records = asyncio.run(publish()).all_records(TopicName.DEAD_LETTERS)
    envelopes = [decode_event(record.value) for record in records]
    assert [envelope.id for envelope in envelopes[:2]] == [envelope.id for envelope in envelopes[2:]]
    assert envelopes[0].id != envelopes[1].id
    assert envelopes[0].subject == "llm.costs/2/7"
    assert all(record.key == b"llm.costs" and len(record.value or b"") < MIB for record in records)
