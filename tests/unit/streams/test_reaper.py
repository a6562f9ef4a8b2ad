"""When a call has been open for too long: by the log's time, and by the clock's where nothing is left to read."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.clock import FixedClock
from ingest.codec import encode_event
from ingest.events.calls import CallStarted
from ingest.log import Record
from streams.agents.reaper import REAP_AFTER_S, Reaper
from tests.builders import a_call_costed
from tests.unit.streams.test_steps import MemoryTable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STARTED = CallStarted(a_call_costed().finished.call)


def logged(offset: int, ago_s: float) -> Record:
    value = encode_event(STARTED, id="s", source="gateway/1", time=NOW, subject="search")
    return Record("llm.calls", 0, offset, None, value, int((NOW.timestamp() - ago_s) * 1000))


def with_an_open_call(ago_s: float) -> tuple[Reaper, FixedClock]:
    clock = FixedClock(NOW)
    reaper = Reaper(MemoryTable(), clock)
    reaper.restore([0])
    begun = logged(0, ago_s)
    reaper.begin(begun, "gateway/1", STARTED.call)
    reaper.read(begun)
    return reaper, clock


def test_a_worker_that_was_away_for_hours_reads_on_before_it_ends_calls() -> None:
    reaper, clock = with_an_open_call(ago_s=5 * 3600)
    for offset in range(1, 10):
        clock.advance(REAP_AFTER_S / 20)  # slow, and never quiet for a minute before it is asked
        reaper.read(logged(offset, 5 * 3600 - offset))
        assert reaper.due() == []
    reaper.read(logged(10, 4 * 3600 - 1))
    clock.advance(REAP_AFTER_S / 20)
    reaper.read(logged(11, 4 * 3600 - 1))
    assert len(reaper.due()) == 1
    clock.advance(REAP_AFTER_S)
    assert reaper.due() == []  # given out once


def test_where_nothing_is_left_to_read_time_passes_as_on_the_clock() -> None:
    reaper, clock = with_an_open_call(ago_s=0)
    clock.advance(REAP_AFTER_S)
    assert reaper.due() == []
    clock.advance(REAP_AFTER_S / 10)
    assert len(reaper.due()) == 1
