"""From a file to the log."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.clock import FixedClock
from ingest.codec import decode_event
from ingest.errors import InvalidInput, LogUnavailable
from ingest.events.calls import CallFinished
from ingest.imports.rows import Given
from ingest.imports.run import ImportPlan, Survey, publish_calls, survey
from ingest.log import EventPublisher, Outgoing
from ingest.memory import MemoryLog
from ingest.topics import TopicName

CLOCK = FixedClock(datetime(2026, 3, 10, 12, tzinfo=UTC))
HEADER = "timestamp,model,team,input_tokens,output_tokens\n"
ROW = "2026-03-01T10:00:00Z,gpt-4o,search,100,5\n"


class FailingPublisher:
    """Takes so many batches, then its log answers no more."""

    def __init__(self, log: MemoryLog, batches: int) -> None:
        self._log = log
        self._batches = batches

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self._log.fail = self._batches == 0
        self._batches -= 1
        await self._log.publish(records)


def plan_of(tmp_path: Path, content: str, name: str = "calls.csv", **texts: str) -> ImportPlan:
    path = tmp_path / name
    path.write_text(content)
    return ImportPlan(path, Given(texts))


def look(plan: ImportPlan) -> tuple[Survey, list[tuple[int, str]]]:
    bad: list[tuple[int, str]] = []
    return survey(plan, CLOCK, lambda row, reason: bad.append((row.line, reason))), bad


def publish(plan: ImportPlan, log: EventPublisher, expected: Survey | None = None) -> list[int]:
    told: list[int] = []
    asyncio.run(publish_calls(plan, expected or look(plan)[0], log, told.append))
    return told


def events_on(log: MemoryLog) -> list[CallFinished]:
    events = [decode_event(record.value).data for record in log.all_records(TopicName.CALLS)]
    assert all(isinstance(event, CallFinished) for event in events)
    return [event for event in events if isinstance(event, CallFinished)]


def ids_on(log: MemoryLog) -> list[str]:
    return sorted(event.call.call_id for event in events_on(log))


def test_calls_are_published_by_team_in_batches(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HEADER + ROW * 1200 + ROW.replace("search", "ads"))
    log = MemoryLog()
    assert publish(plan, log) == [500, 1000, 1201]
    records = log.all_records(TopicName.CALLS)
    assert {record.key for record in records} == {b"search", b"ads"}
    envelope = decode_event(records[0].value)
    assert isinstance(envelope.data, CallFinished)
    assert envelope.id == f"{envelope.data.call.call_id}/finished"
    assert envelope.source == "spendstream/import/default"
    assert len(set(ids_on(log))) == 1201


def test_a_survey_counts_what_will_be_published(tmp_path: Path) -> None:
    rows = [
        "2026-03-10T12:05:00Z,gpt-4o,search,1,2",
        "2026-03-10T12:05:01Z,gpt-4o,search,10,20",
        "2026-02-03T12:00:00Z,gpt-4o,search,100,200",
        "2026-02-03T11:59:59Z,gpt-4o,search,1000,2000",
    ]
    found, bad = look(plan_of(tmp_path, HEADER + "\n".join(rows)))
    assert bad == []
    assert (found.calls, found.late, found.ahead) == (4, 1, 1)
    assert (found.input_tokens, found.output_tokens) == (1111, 2222)
    assert found.first == datetime(2026, 2, 3, 11, 59, 59, tzinfo=UTC)
    assert found.last == datetime(2026, 3, 10, 12, 5, 1, tzinfo=UTC)
    assert found.columns["started_at"] == "timestamp"


def test_bad_rows_are_told_with_their_lines_and_the_others_published(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HEADER + ROW + "x,gpt-4o,search,1,2\n" + ROW + "2026-03-01,gpt-4o\n")
    found, bad = look(plan)
    assert (found.calls, found.bad) == (2, 2)
    assert [line for line, _ in bad] == [3, 5]
    assert bad[1][1] == "2 cells; the header has 5"
    log = MemoryLog()
    publish(plan, log)
    assert len(events_on(log)) == 2


def test_a_header_that_does_not_fit_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column looks like a time"):
        look(plan_of(tmp_path, "a,b\n1,2\n3,4\n"))


def test_rows_of_a_jsonl_may_differ(tmp_path: Path) -> None:
    lines = [
        '{"time": "2026-03-01", "model": "gpt-4o", "prompt_tokens": 3}',
        '{"created_at": 1772323200, "usage": {"input_tokens": 3}, "model": "gpt-4o"}',
        '{"model": "gpt-4o"}',
    ]
    found, bad = look(plan_of(tmp_path, "\n".join(lines), "calls.jsonl"))
    assert (found.calls, found.input_tokens) == (2, 6)
    assert bad == [(3, bad[0][1])]
    assert "no column looks like a time" in bad[0][1]


def test_hundreds_of_kinds_of_rows_are_read(tmp_path: Path) -> None:
    lines = [
        f'{{"time": "2026-03-01", "model": "gpt-4o", "prompt_tokens": {n}, "x{n}": 1}}' for n in range(300)
    ]
    found, bad = look(plan_of(tmp_path, "\n".join(lines), "calls.jsonl"))
    assert (found.calls, found.input_tokens, bad) == (300, sum(range(300)), [])


def test_a_row_with_an_id_counts_once_in_a_file(tmp_path: Path) -> None:
    header = "id," + HEADER
    found, bad = look(plan_of(tmp_path, header + f"a,{ROW}b,{ROW}a,{ROW}"))
    assert (found.calls, found.repeated, bad) == (2, 1, [])
    changed, bad = look(plan_of(tmp_path, header + f"a,{ROW}a,{ROW.replace('100', '101')}"))
    assert (changed.calls, changed.bad) == (1, 1)
    assert bad == [(3, "call_id: 'a' stands in an earlier row with other contents")]


def test_an_interrupted_import_goes_on_with_the_same_ids(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HEADER + ROW * 1200)
    broken, whole = MemoryLog(), MemoryLog()
    with pytest.raises(
        LogUnavailable, match=r"500 of 1,200 calls are on the log; .* Run the same import again"
    ):
        publish(plan, FailingPublisher(broken, batches=1))
    publish(plan, whole)
    assert len(ids_on(broken)) == 500
    assert set(ids_on(broken)) < set(ids_on(whole))


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HEADER + ROW * 2)
    expected = look(plan)[0]
    plan.path.write_text(HEADER + ROW * 3)
    with pytest.raises(InvalidInput, match="2 calls and 0 bad rows became 3 and 0"):
        publish(plan, MemoryLog(), expected)


def test_what_makes_other_calls_and_what_does_not(tmp_path: Path) -> None:
    def ids(content: str, name: str = "calls.csv", source: str = "default", **texts: str) -> list[str]:
        log = MemoryLog()
        plan = plan_of(tmp_path, content, name, **texts)
        publish(ImportPlan(plan.path, plan.given, {}, source), log)
        return ids_on(log)

    base = ids(HEADER + ROW * 2)
    assert ids(HEADER + ROW * 2, "renamed.csv") == base
    assert ids(HEADER + ROW * 2, team="search") == base
    assert set(ids(HEADER + ROW)) < set(base)
    for other in (
        ids(HEADER + ROW * 2, team="ads"),
        ids(HEADER + ROW * 2, model="gpt-4.1"),
        ids(HEADER + ROW * 2, source="acme"),
        ids((HEADER + ROW * 2).replace("100", "101")),
    ):
        assert not set(other) & set(base)
    # A row's own id stays the same call, whatever else is said of it.
    named = ids("id," + HEADER + "a," + ROW)
    assert ids("id," + HEADER + "a," + ROW, team="ads") == named
    assert ids("id," + HEADER + "a," + ROW.replace("03-01", "03-02")) != named


def test_ids_that_were_given_out_stay(tmp_path: Path) -> None:
    """If this fails, importing a file again after an upgrade charges every call twice: keep the form of the identity
    (`ingest.imports.identity`) as it was instead of changing the ids here."""
    log = MemoryLog()
    publish(plan_of(tmp_path, HEADER + ROW * 2), log)
    publish(plan_of(tmp_path, "id," + HEADER + "a," + ROW), log)
    assert ids_on(log) == PINNED


PINNED = [
    "2bc573eb-bebe-58f9-acb8-bbf26588ff94",
    "68b3c43a-3f41-5a41-8dc0-6b25097b0bc4",
    "9bfdf9b1-b077-5028-b4b9-1bc716aa112e",
]
