"""What is recorded reaches the log once the log is there, in order, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from gateway_shim.metrics import GatewayMetrics
from gateway_shim.recorder import Recorder
from ingest.attribution import Attribution
from ingest.clock import FixedClock
from ingest.codec import decode_event
from ingest.events.calls import Call, CallFinished, CallStarted, GatewayRetired, Outcome
from ingest.ids import new_id
from ingest.log import Outgoing
from ingest.memory import MemoryLog
from ingest.spool import Spool, take_over
from ingest.topics import TopicName
from ingest.usage import TokenUsage

NOW = datetime(2026, 11, 24, tzinfo=UTC)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a_call(team: str = "search") -> Call:
    return Call(new_id(), NOW, Attribution(team=team), "openai", "gpt-4o", "chat")


def finished(call: Call) -> CallFinished:
    return CallFinished(call, NOW, Outcome.OK, 200, 5)


def make_recorder(
    folder: Path, leftovers: Sequence[Spool] = (), max_bytes: int = 10**6, memory_records: int = 100
) -> Recorder:
    spool = Spool(folder / "own", max_bytes)
    return Recorder(spool, leftovers, FixedClock(NOW), GatewayMetrics(), memory_records)


def take_over_in(root: Path, name: str) -> Recorder:
    """The recorder of a gateway that starts in the home `root`."""
    return Recorder(*take_over(root, name, 10**6), FixedClock(NOW), GatewayMetrics())


async def leave_behind(
    root: Path, name: str, log: MemoryLog | None, *calls: Call, noted: Sequence[CallFinished] = ()
) -> None:
    """A gateway starts `calls`, sends that (with a `log`), and is killed: its lock is free, its folder stays."""
    spool, _ = take_over(root, name, 10**6)
    recorder = Recorder(spool, [], FixedClock(NOW), GatewayMetrics())
    for call in calls:
        recorder.started(call)
    recorder.note({one.call.call_id: recorder.as_note(one) for one in noted})
    if log is not None:
        task = asyncio.create_task(recorder.run(log))
        await recorder.flush(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    spool.close(keep=True)


def folders(root: Path) -> list[Path]:
    return list(root.glob("*"))


@asynccontextmanager
async def running(recorder: Recorder, log: MemoryLog) -> AsyncIterator[None]:
    task = asyncio.create_task(recorder.run(log))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        recorder.close()


def on_the_log(log: MemoryLog) -> list[str]:
    """The ids of the events, in order."""
    return [decode_event(record.value).id for record in log.all_records(TopicName.CALLS)]


async def test_events_reach_the_log_in_order(tmp_path: Path) -> None:
    recorder, log = make_recorder(tmp_path), MemoryLog()
    calls = [a_call() for _ in range(5)]
    async with running(recorder, log):
        for call in calls:
            recorder.started(call)
            recorder.finished(finished(call))
        await recorder.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/{what}" for call in calls for what in ("started", "finished")]
    envelope = decode_event(log.all_records(TopicName.CALLS)[1].value)
    assert (envelope.source, envelope.subject, envelope.data) == ("gateway/own", "search", finished(calls[0]))
    assert isinstance(decode_event(log.all_records(TopicName.CALLS)[0].value).data, CallStarted)


async def test_a_log_that_fails_is_tried_until_it_takes_them(tmp_path: Path) -> None:
    recorder, log = make_recorder(tmp_path), MemoryLog()
    log.fail = True
    async with running(recorder, log):
        calls = [a_call() for _ in range(3)]
        for call in calls:
            recorder.finished(finished(call))
        while not recorder.is_troubled:  # noqa: ASYNC110 - the recorder has no event for it
            await asyncio.sleep(0)
        assert (recorder.pending_bytes > 0, recorder.is_accepting) == (True, True)
        log.fail = False
        await recorder.flush(5)
        assert (recorder.is_idle, recorder.is_troubled) == (True, False)
    assert on_the_log(log) == [f"{call.call_id}/finished" for call in calls]


class HalfwayLog(MemoryLog):
    """Takes a batch and does not say so, once: what a broker does that dies before it answers."""

    has_failed = False

    @override
    async def publish(self, records: Sequence[Outgoing]) -> None:
        await super().publish(records)
        if not self.has_failed:
            self.has_failed = True
            self.fail = True
            try:
                await super().publish(records)
            finally:
                self.fail = False


async def test_an_unconfirmed_batch_is_sent_again(tmp_path: Path) -> None:
    recorder, log = make_recorder(tmp_path), HalfwayLog()
    call = a_call()
    async with running(recorder, log):
        recorder.finished(finished(call))
        await recorder.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/finished"] * 2, (
        "the same event id: readers see that it is a repeat"
    )


async def test_what_dead_processes_left_goes_first(tmp_path: Path) -> None:
    log = MemoryLog(partitions=1)
    left, new = a_call(), a_call()
    await leave_behind(tmp_path, "dead", None, left)
    recorder = take_over_in(tmp_path, "new")
    recorder.finished(finished(new))
    async with running(recorder, log):
        await recorder.flush(5)
    assert on_the_log(log) == [f"{left.call_id}/started", "gateway/dead/retired/0", f"{new.call_id}/finished"]
    assert not (tmp_path / "dead").exists()


async def test_every_partition_hears_that_a_gateway_has_gone_after_all_that_it_recorded(
    tmp_path: Path,
) -> None:
    log = MemoryLog(partitions=3)
    calls = [a_call(team) for team in "abcdefgh"]
    await leave_behind(tmp_path, "dead", None, *calls)
    async with running(recorder := take_over_in(tmp_path, "new"), log):
        await recorder.flush(5)
    for number, partition in enumerate(log.topics[TopicName.CALLS]):
        *before, last = [decode_event(record.value) for record in partition]
        assert isinstance(last.data, GatewayRetired)
        assert (last.data.gateway, last.id) == ("gateway/dead", f"gateway/dead/retired/{number}")
        assert last.source == "gateway/new"
        assert {(envelope.source, type(envelope.data)) for envelope in before} == {
            ("gateway/dead", CallStarted)
        }
    assert len(log.all_records(TopicName.CALLS)) == len(calls) + log.partitions


async def test_a_gateway_whose_records_were_all_sent_retires_too(tmp_path: Path) -> None:
    log = MemoryLog(partitions=2)
    call = a_call()
    await leave_behind(tmp_path, "dead", log, call)  # on the log, and then killed
    assert on_the_log(log) == [f"{call.call_id}/started"]
    async with running(recorder := take_over_in(tmp_path, "new"), log):
        await recorder.flush(5)
    assert sorted(on_the_log(log)) == sorted(
        [f"{call.call_id}/started", "gateway/dead/retired/0", "gateway/dead/retired/1"]
    )


async def test_one_that_ended_in_good_order_leaves_nothing_to_say(tmp_path: Path) -> None:
    log, recorder = MemoryLog(), take_over_in(tmp_path, "first")
    call = a_call()
    async with running(recorder, log):
        recorder.started(call)
        recorder.finished(finished(call))
        await recorder.flush(5)
    async with running(recorder := take_over_in(tmp_path, "second"), log):
        await recorder.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/started", f"{call.call_id}/finished"]


async def test_one_that_ended_with_open_calls_is_retired_by_the_next(tmp_path: Path) -> None:
    log, recorder = MemoryLog(partitions=1), take_over_in(tmp_path, "first")
    call = a_call()
    async with running(recorder, log):
        recorder.started(call)
        await recorder.flush(5)
    async with running(recorder := take_over_in(tmp_path, "second"), log):
        await recorder.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/started", "gateway/first/retired/0"]


async def test_two_gateways_on_one_home_leave_each_other_alone(tmp_path: Path) -> None:
    log, one = MemoryLog(), take_over_in(tmp_path, "one")
    one.started(call := a_call())
    two = take_over_in(tmp_path, "two")
    async with running(two, log):
        await two.flush(5)
    assert on_the_log(log) == []
    async with running(one, log):
        one.finished(finished(call))
        await one.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/started", f"{call.call_id}/finished"]


async def test_streams_of_a_killed_gateway_end_by_what_it_had_noted(tmp_path: Path) -> None:
    log = MemoryLog(partitions=1)
    known, unknown = a_call(), a_call()
    so_far = CallFinished(
        known,
        NOW,
        Outcome.ABORTED,
        200,
        5,
        usage=TokenUsage(input_tokens=3, output_tokens=4),
        is_estimated=True,
    )
    await leave_behind(tmp_path, "dead", log, known, unknown, noted=[so_far])
    async with running(recorder := take_over_in(tmp_path, "new"), log):
        await recorder.flush(5)
    *_, end, retired = [decode_event(record.value) for record in log.all_records(TopicName.CALLS)]
    assert (end.id, end.source, end.data) == (f"{known.call_id}/finished", "gateway/dead", so_far)
    assert retired.id == "gateway/dead/retired/0"
    assert folders(tmp_path) == []


async def test_the_end_of_a_stream_strikes_its_note_out(tmp_path: Path) -> None:
    log = MemoryLog(partitions=1)
    spool, _ = take_over(tmp_path, "dead", 10**6)
    recorder = Recorder(spool, [], FixedClock(NOW), GatewayMetrics())
    call = a_call()
    recorder.started(call)
    recorder.note({call.call_id: recorder.as_note(finished(call))})
    recorder.note({call.call_id: recorder.as_note(finished(call))})
    recorder.finished(finished(call))
    spool.close(keep=True)
    async with running(recorder := take_over_in(tmp_path, "new"), log):
        await recorder.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/{what}" for what in ("started", "finished")] + [
        "gateway/dead/retired/0"
    ]


async def test_notes_leave_no_trace_at_a_good_end(tmp_path: Path) -> None:
    log, recorder = MemoryLog(), take_over_in(tmp_path, "own")
    call = a_call()
    async with running(recorder, log):
        recorder.started(call)
        recorder.note({call.call_id: recorder.as_note(finished(call))})
        recorder.finished(finished(call))
        await recorder.flush(5)
    assert folders(tmp_path) == []


async def test_a_successor_that_dies_before_it_said_so_is_followed_by_another(tmp_path: Path) -> None:
    log = MemoryLog(partitions=1)
    call = a_call()
    await leave_behind(tmp_path, "dead", log, call)
    take_over_in(tmp_path, "stillborn").close()
    async with running(recorder := take_over_in(tmp_path, "new"), log):
        await recorder.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/started", "gateway/dead/retired/0"]
    assert folders(tmp_path) == []


async def test_memory_bridges_a_full_disk_and_nothing_is_lost_within_its_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, log = make_recorder(tmp_path, max_bytes=1200, memory_records=6), MemoryLog(partitions=1)
    calls: list[Call] = []
    while recorder.is_accepting:
        calls.append(a_call())
        recorder.started(calls[-1])
        recorder.finished(finished(calls[-1]))
    assert "events wait in memory" in caplog.text
    assert 3 <= recorder.pending_in_memory <= 6
    async with running(recorder, log):
        await recorder.flush(5)
        assert [recorder.is_accepting] == [True]
        late = a_call()
        recorder.finished(finished(late))
        await recorder.flush(5)
    expected = [f"{call.call_id}/{what}" for call in calls for what in ("started", "finished")]
    assert on_the_log(log) == [*expected, f"{late.call_id}/finished"]


async def test_a_loss_is_counted_and_loud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "own", 1200)
    metrics = GatewayMetrics()
    recorder = Recorder(spool, [], FixedClock(NOW), metrics, memory_records=2)
    for _ in range(10):
        recorder.finished(finished(a_call()))
    lost = metrics.registry.get_sample_value("spendstream_gateway_lost_records_total")
    assert lost is not None
    assert lost >= 1
    assert "a record of a call is lost" in caplog.text
    recorder.close()


async def test_closing_keeps_what_was_not_sent(tmp_path: Path) -> None:
    recorder = make_recorder(tmp_path)
    call = a_call()
    recorder.finished(finished(call))
    recorder.close()
    again, log = make_recorder(tmp_path), MemoryLog()
    async with running(again, log):
        await again.flush(5)
    assert on_the_log(log) == [f"{call.call_id}/finished"]
