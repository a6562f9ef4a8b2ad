"""The real hour of production calls in the Azure LLM inference trace (CC BY 4.0): counted here by other means."""

import asyncio
import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.clock import FixedClock
from ingest.codec import decode_event
from ingest.events.calls import CallFinished
from ingest.imports.rows import Given
from ingest.imports.run import ImportPlan, publish_calls, survey
from ingest.memory import MemoryLog
from ingest.topics import TopicName

TRACE = Path(__file__).resolve().parents[5] / "shared" / "data" / "azure_llm_trace_code_2023.csv"
MADE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:17:03.9799600,4808,10\r\n"
    "2023-11-16 18:17:04.0319600,3180,8\r\n"
    "2023-11-16 18:17:04.0319600,3180,8\r\n"
)


def imported(path: Path, log: MemoryLog) -> list[CallFinished]:
    """Import `path` as the README says; everything on the log afterwards."""
    plan = ImportPlan(path, Given({"model": "gpt-4o", "team": "code"}))
    bad: list[str] = []
    found = survey(plan, FixedClock(datetime(2026, 3, 1, tzinfo=UTC)), lambda _, reason: bad.append(reason))
    assert bad == []
    assert found.late == found.calls
    asyncio.run(publish_calls(plan, found, log))
    events = [decode_event(record.value).data for record in log.all_records(TopicName.CALLS)]
    return [event for event in events if isinstance(event, CallFinished)]


def check(path: Path) -> list[CallFinished]:
    """Events equal the file, row for row, and a second import adds no call."""
    with path.open(newline="") as file:
        rows = Counter(
            (row["TIMESTAMP"][:26], int(row["ContextTokens"]), int(row["GeneratedTokens"]))
            for row in csv.DictReader(file)
        )
    log = MemoryLog()
    events = imported(path, log)
    assert rows == Counter(
        (
            event.call.started_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
            event.usage.input_tokens,
            event.usage.output_tokens,
        )
        for event in events
        if event.usage is not None
    )
    ids = {event.call.call_id for event in events}
    assert len(ids) == len(events) == rows.total()
    again = imported(path, log)
    assert len(again) == 2 * len(events)
    assert {event.call.call_id for event in again} == ids
    return events


def test_the_real_trace() -> None:
    if not TRACE.exists():
        pytest.skip("the Azure trace is not there (shared/data beside the project)")
    events = check(TRACE)
    usage = [event.usage for event in events if event.usage is not None]
    assert len(events) == len(usage) == 8819
    assert sum(u.input_tokens for u in usage) == 18_059_974
    assert sum(u.output_tokens for u in usage) == 245_896
    assert {(e.call.who.team, e.call.provider, e.model) for e in events} == {("code", "openai", "gpt-4o")}


def test_a_small_file_of_the_same_form(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(MADE.encode())
    assert len(check(path)) == 3
