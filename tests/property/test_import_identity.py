"""Imports: which calls a file tells of does not depend on how it is written."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings, strategies as st

from ingest.clock import FixedClock
from ingest.codec import decode_event
from ingest.events.calls import CallFinished
from ingest.imports.rows import Given
from ingest.imports.run import ImportPlan, Survey, publish_calls, survey
from ingest.memory import MemoryLog
from ingest.topics import TopicName

NAMES = ("timestamp", "model", "team", "user", "prompt_tokens", "cached_tokens", "completion_tokens", "note")

Row = tuple[str, ...]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Cells in the order of NAMES; few values, so that equal rows are common."""
    cached = draw(st.integers(0, 2))
    return (
        f"2026-03-01 10:00:0{draw(st.integers(0, 1))}.1234567",
        draw(st.sampled_from(["gpt-4o", "claude-haiku-4-5"])),
        draw(st.sampled_from(["search", 'Größe; "1"\nx', ""])),
        draw(st.sampled_from(["", "ada"])),
        str(cached + draw(st.integers(0, 2))),
        str(cached),
        str(draw(st.integers(0, 1))),
        draw(st.text('ab,;"\n', max_size=3)),
    )


FILES = st.lists(rows(), min_size=1, max_size=12)


def as_csv(table: list[Row], order: list[int]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([NAMES[i] for i in order])
    writer.writerows([[row[i] for i in order] for row in table])
    return out.getvalue().encode()


def as_jsonl(table: list[Row], order: list[int]) -> bytes:
    lines = [json.dumps({NAMES[i]: row[i] for i in order}, ensure_ascii=False) for row in table]
    return "\n".join(lines).encode()


def imported(content: bytes) -> tuple[Survey, list[CallFinished]]:
    log = MemoryLog()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "calls")
        path.write_bytes(content)
        plan = ImportPlan(path, Given())
        found = survey(plan, FixedClock(datetime(2026, 3, 2, tzinfo=UTC)), lambda row, reason: None)  # noqa: ARG005
        asyncio.run(publish_calls(plan, found, log))
    events = [decode_event(record.value).data for record in log.all_records(TopicName.CALLS)]
    return found, [event for event in events if isinstance(event, CallFinished)]


@settings(max_examples=40)
@given(FILES, st.permutations(range(len(NAMES))), st.randoms(use_true_random=False))
def test_the_same_calls_in_any_order_of_rows_and_columns_and_in_either_form(
    table: list[Row], order: list[int], random: object
) -> None:
    plain = list(range(len(NAMES)))
    shuffled = table.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    base = {event.call.call_id: event for event in imported(as_csv(table, plain))[1]}
    assert len(base) == len(table)
    for content in (
        as_csv(table, order),
        as_csv(shuffled, plain),
        as_jsonl(shuffled, order),
        gzip.compress(as_csv(shuffled, order)),
    ):
        assert {event.call.call_id: event for event in imported(content)[1]} == base


@settings(max_examples=40)
@given(FILES, FILES)
def test_a_file_that_has_grown_tells_of_its_first_calls_again_and_of_the_new_ones(
    table: list[Row], more: list[Row]
) -> None:
    plain = list(range(len(NAMES)))
    first = {event.call.call_id for event in imported(as_csv(table, plain))[1]}
    grown = {event.call.call_id for event in imported(as_csv(table + more, plain))[1]}
    assert first <= grown
    assert len(grown) == len(table) + len(more)


@settings(max_examples=40)
@given(FILES)
def test_every_row_becomes_one_call_with_its_own_numbers(table: list[Row]) -> None:
    found, events = imported(as_csv(table, list(range(len(NAMES)))))
    told = Counter((row[1], row[2].strip(), row[3], int(row[4]), int(row[5]), int(row[6])) for row in table)
    published: Counter[tuple[str, str, str, int, int, int]] = Counter()
    for event in events:
        assert event.usage is not None
        who, usage = event.call.who, event.usage
        counts = (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)
        published[(event.model, who.team, who.user, *counts)] += 1
    assert told == published
    assert found.input_tokens == sum(int(row[4]) for row in table)
    assert found.output_tokens == sum(int(row[6]) for row in table)
