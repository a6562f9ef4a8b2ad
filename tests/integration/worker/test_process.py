"""The worker's process: it stops, shares, takes over, waits, and leaves nobody behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ingest.broker.launcher import EmbeddedBroker
from tests.fixtures.worker import (
    RunningWorker,
    call_record,
    wait_until,
    write,
)
from tests.integration.worker.asking import (
    A_CALL_COSTS,
    a_call,
    budgets,
    costs_of,
    defined,
    settled,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def test_it_stops_when_told_to(kafka: str, home: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with RunningWorker(kafka, home / number.name) as worker:
            child = worker.ready().child()
            os.kill(worker.process.pid, number)
            assert worker.process.wait(8) == 0
            assert not Path(f"/proc/{child}").exists()
            assert "Traceback" not in worker.log
            assert "ERROR" not in worker.log.partition("ready:")[2]


def test_it_stops_while_it_waits_for_kafka(tmp_path: Path) -> None:
    with RunningWorker("127.0.0.1:1", tmp_path) as worker:
        wait_until(lambda: "waiting for Kafka" in worker.log, 30, lambda: worker.log)
        assert worker.stop() == 0
        assert worker.log.count("waiting for Kafka at 127.0.0.1:1") == 1
        assert "ERROR" not in worker.log


def test_a_second_worker_of_the_same_name_is_refused(kafka: str, home: Path) -> None:
    with RunningWorker(kafka, home / "twice") as first, RunningWorker(kafka, home / "twice") as second:
        processes = [first.process, second.process]
        wait_until(lambda: any(p.poll() is not None for p in processes), 30, lambda: first.log)
        assert [p.poll() for p in processes if p.poll() is not None] == [2]
        assert first.log.count("a worker named worker-1 is running on") == 1
        assert first.times_ready() == 1


def test_two_workers_share_the_work_and_one_takes_over_from_the_other(kafka: str, tmp_path: Path) -> None:
    those = budgets("100", "100", "100", "100")
    calls = [a_call(those[n % 4], those[(n + 1) % 4], team=f"team-{n % 9}") for n in range(400)]
    spent = [200 * A_CALL_COSTS] * 4

    async def scenario() -> None:
        with RunningWorker(kafka, tmp_path, "a") as first:
            await asyncio.to_thread(first.ready)
            await write(kafka, [*defined(*those), *map(call_record, calls[:100])])
            with RunningWorker(kafka, tmp_path, "b") as second:
                await write(kafka, map(call_record, calls[100:200]))
                await asyncio.to_thread(second.ready)
                await write(kafka, map(call_record, calls[200:300]))
                first.kill()
                await write(kafka, [*map(call_record, calls[300:]), *map(call_record, calls[:50])])
                await settled(kafka, those, spent)
                assert (await costs_of(kafka, calls)).keys() == {call.call.call_id for call in calls}

    asyncio.run(scenario())


def test_tables_of_another_log_are_not_taken_for_its_own(kafka_cache: Path, tmp_path: Path) -> None:
    """The home outlives a Kafka that was wiped: calls with the ids of former ones are new there."""
    (budget,) = budgets("100")
    calls = [a_call(budget) for _ in range(5)]

    async def scenario(bootstrap: str, times_ready: int) -> None:
        with RunningWorker(bootstrap, tmp_path / "home") as worker:
            await asyncio.to_thread(worker.ready, times_ready)
            await write(bootstrap, [*defined(budget), *map(call_record, calls)])
            await settled(bootstrap, [budget], [5 * A_CALL_COSTS])

    for times in (1, 2):
        with EmbeddedBroker(tmp_path / f"kafka-{times}", 0, cache=kafka_cache) as broker:
            asyncio.run(scenario(broker.bootstrap, times))


def test_a_broker_that_is_killed_is_waited_for(kafka_cache: Path, tmp_path: Path) -> None:
    (budget,) = budgets("100")
    before, after = [[a_call(budget) for _ in range(50)] for _ in range(2)]

    async def scenario() -> None:
        broker = EmbeddedBroker(tmp_path / "kafka", 0, cache=kafka_cache)
        with broker, RunningWorker(broker.bootstrap, tmp_path / "home") as worker:
            await asyncio.to_thread(worker.ready)
            await write(broker.bootstrap, [*defined(budget), *map(call_record, before)])
            broker.kill9()
            await asyncio.to_thread(broker.start)
            await write(broker.bootstrap, map(call_record, after))
            await settled(broker.bootstrap, [budget], [100 * A_CALL_COSTS])
            assert len(worker.log.splitlines()) < 40

    asyncio.run(scenario())


def test_the_child_does_not_outlive_its_supervisor(kafka: str, home: Path) -> None:
    with RunningWorker(kafka, home / "orphan") as worker:
        child = worker.ready().child()
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
        wait_until(lambda: not _lives(child), 8, lambda: worker.log)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
