"""The Faust worker on a real Kafka: what it makes of finished calls, and what kill -9 leaves of it."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.broker.launcher import EmbeddedBroker
from ingest.events.calls import BudgetRef, CallFinished, Outcome
from ingest.events.charges import ChargeSettled
from ingest.events.costs import CallCosted
from ingest.events.dead_letters import DeadLetter
from ingest.events.governance import BudgetDefined, BudgetDeleted
from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.budgets import Budget
from ingest.governance.windows import window_at
from ingest.log import Outgoing
from tests.builders import a_budget, a_call_costed
from tests.fixtures.worker import (
    RunningWorker,
    call_record,
    events,
    eventually,
    governance_record,
    read_topic,
    wait_until,
    write,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SETTLE_S = 60.0
# gpt-4o on 2026-11-24: $2.50 and $10.00 for a million tokens; 1000 in and 300 out.
A_CALL_COSTS = Decimal("0.0055")


@pytest.fixture(scope="module")
def kafka(kafka_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own: the worker's topics have fixed names."""
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka"), 0, cache=kafka_cache) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker") / "a home {with} braces"


@pytest.fixture
def worker(kafka: str, home: Path) -> Iterator[RunningWorker]:
    """A running worker; its state is that of the module, as after a restart."""
    before = (home / "worker-1.log").read_text().count("ready:") if home.exists() else 0
    with RunningWorker(kafka, home) as running:
        yield running.ready(before + 1)
        assert "Traceback" not in running.log


def budgets(*limits: str) -> list[Budget]:
    now = datetime.now(UTC)
    return [
        a_budget(name=f"budget-{uuid.uuid4()}", limit_usd=Decimal(limit), created_at=now) for limit in limits
    ]


def defined(*those: Budget) -> list[Outgoing]:
    return [governance_record(BudgetDefined(budget, budget.created_at)) for budget in those]


def a_call(*those: Budget, team: str = "search", **changes: object) -> CallFinished:
    refs = tuple(BudgetRef(b.name, window_at(b, b.created_at).id) for b in those)
    return a_call_costed(team=team, budgets=refs, **changes).finished


async def newest_states(kafka: str, those: list[Budget]) -> dict[str, BudgetStateChanged]:
    names = {budget.name for budget in those}
    states = events(await read_topic(kafka, "budget.states"), BudgetStateChanged)
    return {state.budget.name: state for state in states if state.budget.name in names}


async def settled(kafka: str, those: list[Budget], spent: list[Decimal]) -> dict[str, BudgetStateChanged]:
    """The newest states, once they show what is `spent`."""
    found: dict[str, BudgetStateChanged] = {}

    async def ask() -> bool:
        found.update(await newest_states(kafka, those))
        return [found[b.name].spent_usd if b.name in found else None for b in those] == spent

    await eventually(ask, SETTLE_S, lambda: {n: s.spent_usd for n, s in found.items()})
    return found


async def costs_of(kafka: str, calls: list[CallFinished]) -> Counter[str]:
    ids = {call.call.call_id for call in calls}
    costed = events(await read_topic(kafka, "llm.costs"), CallCosted)
    return Counter(c.finished.call.call_id for c in costed if c.finished.call.call_id in ids)


def test_calls_become_costs_charges_and_states(kafka: str, worker: RunningWorker) -> None:
    roomy, tight = budgets("10", "0.011")
    calls = [a_call(roomy, tight) for _ in range(3)]
    refused = a_call(roomy, tight, outcome=Outcome.REFUSED, usage=None, http_status=429)
    unknown = a_call(roomy, model="nobody-knows-this-model")
    everything = [*calls, refused, unknown]

    async def scenario() -> None:
        await write(kafka, [*defined(roomy, tight), *map(call_record, everything)])
        found = await settled(kafka, [roomy, tight], [3 * A_CALL_COSTS, 3 * A_CALL_COSTS])
        assert found[roomy.name].status is BudgetStatus.OPEN
        state = found[tight.name]
        assert (state.status, state.overshoot_usd) == (BudgetStatus.BLOCKED, Decimal("0.0055"))
        assert state.until == window_at(tight, tight.created_at).end
        costed = events(await read_topic(kafka, "llm.costs"), CallCosted)
        by_id = {c.finished.call.call_id: c for c in costed}
        assert [by_id[c.call.call_id].cost.cost_usd for c in calls] == [A_CALL_COSTS] * 3
        assert by_id[refused.call.call_id].cost.is_priced
        assert by_id[refused.call.call_id].cost.cost_usd == 0
        assert not by_id[unknown.call.call_id].cost.is_priced
        assert by_id[calls[0].call.call_id].finished == calls[0]
        charges = events(await read_topic(kafka, "budget.charges"), ChargeSettled)
        assert Counter(c.call_id for c in charges if c.budget_id == tight.name) == Counter(
            c.call.call_id for c in calls
        )

    asyncio.run(scenario())


def test_the_block_names_the_call_that_led_to_it(kafka: str, worker: RunningWorker) -> None:
    (budget,) = budgets("0.011")
    calls = [a_call(budget) for _ in range(4)]

    async def scenario() -> None:
        await write(kafka, defined(budget))
        await settled(kafka, [budget], [Decimal(0)])
        await write(kafka, map(call_record, calls))
        await settled(kafka, [budget], [4 * A_CALL_COSTS])
        states = events(await read_topic(kafka, "budget.states"), BudgetStateChanged)
        blocked = [s for s in states if s.budget == budget and s.status is BudgetStatus.BLOCKED]
        assert blocked[0].call_id == calls[1].call.call_id
        assert blocked[0].call_finished_at == calls[1].finished_at

    asyncio.run(scenario())


def test_repeated_sends_are_charged_and_costed_once(kafka: str, worker: RunningWorker) -> None:
    (budget,) = budgets("10")
    calls = [a_call(budget) for _ in range(5)]
    last = a_call(budget)

    async def scenario() -> None:
        await write(kafka, [*defined(budget), *map(call_record, calls)])
        await write(kafka, [*map(call_record, calls), *map(call_record, calls), call_record(last)])
        await settled(kafka, [budget], [6 * A_CALL_COSTS])
        assert set((await costs_of(kafka, [*calls, last])).values()) == {1}

    asyncio.run(scenario())


def test_what_cannot_be_read_goes_to_the_dead_letters_and_stops_nothing(
    kafka: str, worker: RunningWorker
) -> None:
    (budget,) = budgets("10")
    mark = uuid.uuid4().hex.encode()
    odd = [b"no json " + mark, b'{"mark": "' + mark + b'"}', b"\xff\x00" + mark]
    topics = ["llm.calls", "budget.charges", "governance"]

    async def letters() -> list[DeadLetter]:
        found = events(await read_topic(kafka, "dead.letters"), DeadLetter)
        return [letter for letter in found if mark in (letter.value or b"")]

    async def scenario() -> None:
        await write(kafka, [Outgoing(topic, "search", value) for topic in topics for value in odd])
        await write(kafka, [*defined(budget), call_record(a_call(budget))])
        await settled(kafka, [budget], [A_CALL_COSTS])

        async def ask() -> bool:
            return len(await letters()) == len(odd) * len(topics)

        await eventually(ask, SETTLE_S)
        for letter in await letters():
            assert letter.value in odd
            assert letter.key == b"search"
            assert letter.reason
        assert {letter.topic for letter in await letters()} == set(topics)

    asyncio.run(scenario())


def test_a_raised_limit_a_reset_and_a_deletion_take_effect(kafka: str, worker: RunningWorker) -> None:
    (budget,) = budgets("0.005")
    raised = a_budget(name=budget.name, created_at=budget.created_at, limit_usd=Decimal(1))
    reset = a_budget(name=budget.name, created_at=budget.created_at, limit_usd=Decimal(1), epoch=1)

    async def scenario() -> None:
        await write(kafka, [*defined(budget), call_record(a_call(budget))])
        assert (await settled(kafka, [budget], [A_CALL_COSTS]))[budget.name].status is BudgetStatus.BLOCKED
        await write(kafka, defined(raised))

        async def opened() -> bool:
            return (await newest_states(kafka, [budget]))[budget.name].status is BudgetStatus.OPEN

        await eventually(opened, SETTLE_S)
        await write(kafka, defined(reset))
        assert (await settled(kafka, [budget], [Decimal(0)]))[budget.name].window.startswith("1/")
        await write(kafka, [governance_record(BudgetDeleted(reset, datetime.now(UTC)))])

        async def deleted() -> bool:
            return (await newest_states(kafka, [budget]))[budget.name].status is BudgetStatus.DELETED

        await eventually(deleted, SETTLE_S)

    asyncio.run(scenario())


def test_kill_9_while_calls_flow_neither_loses_nor_doubles_a_charge(
    kafka: str, worker: RunningWorker
) -> None:
    those = budgets("1", "2", "100", "100")
    teams = [f"team-{n}" for n in range(7)]
    calls = [
        a_call(those[n % 4], those[2], team=teams[n % 7])
        if n % 4 != 2
        else a_call(those[2], team=teams[n % 7])
        for n in range(1200)
    ]
    plain: Counter[str] = Counter(ref.budget_id for call in calls for ref in call.call.budgets)
    kills = 4

    async def send() -> None:
        for start in range(0, len(calls), 20):
            batch = [call_record(call) for call in calls[start : start + 20]]
            await write(kafka, batch)
            if start % 300 == 0:
                await write(kafka, batch)  # a gateway that did not hear the answer

    async def scenario() -> None:
        await write(kafka, defined(*those))
        ready = worker.times_ready()
        sending = asyncio.create_task(send())
        for number in range(kills):
            worker.kill_child()
            await asyncio.to_thread(worker.ready, ready + number + 1)
        await sending
        await settled(kafka, those, [plain[budget.name] * A_CALL_COSTS for budget in those])
        costed = await costs_of(kafka, calls)
        assert costed.keys() == {call.call.call_id for call in calls}

    asyncio.run(scenario())


def test_state_that_is_lost_from_disk_is_restored_from_the_log(
    kafka: str, home: Path, tmp_path: Path
) -> None:
    (budget,) = budgets("10")
    calls = [a_call(budget) for _ in range(10)]

    async def scenario() -> None:
        with RunningWorker(kafka, home / "first", "worker-1") as first:
            first.ready()
            await write(kafka, [*defined(budget), *map(call_record, calls)])
            await settled(kafka, [budget], [10 * A_CALL_COSTS])
            first.kill()
        with RunningWorker(kafka, tmp_path / "empty", "worker-1") as second:
            second.ready()
            await write(kafka, [*map(call_record, calls), call_record(a_call(budget))])
            await settled(kafka, [budget], [11 * A_CALL_COSTS])

    asyncio.run(scenario())


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
