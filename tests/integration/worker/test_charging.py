"""Calls become costs, charges and states, through repeats, junk and kill -9."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.events.calls import Outcome
from ingest.events.charges import ChargeSettled
from ingest.events.costs import CallCosted
from ingest.events.dead_letters import DeadLetter
from ingest.events.governance import BudgetDeleted
from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.windows import window_at
from ingest.log import Outgoing
from tests.builders import a_budget
from tests.fixtures.worker import (
    RunningWorker,
    call_record,
    events,
    eventually,
    governance_record,
    read_topic,
    write,
)
from tests.integration.worker.asking import (
    A_CALL_COSTS,
    SETTLE_S,
    a_call,
    budgets,
    costs_of,
    defined,
    newest_states,
    settled,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


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
