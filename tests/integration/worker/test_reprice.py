"""`spendstream reprice` against a real worker, log and warehouse: calls, rollup, statements and budgets change together."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.events.charges import ChargeCorrected
from ingest.events.costs import CostCorrected
from ingest.events.prices import PriceOverridden, PriceScope
from ingest.events.states import BudgetStatus
from ingest.governance.budgets import Budget
from tests.fixtures.processes import PROJECT_ROOT
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
from tests.integration.worker.asking import (
    A_CALL_COSTS,
    SETTLE_S,
    a_call,
    budgets,
    defined,
    newest_states,
    settled,
)
from warehouse.client import Client

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = ("--from", "2026-11-24", "--to", "2026-11-24")


@pytest.fixture
def loading_worker(kafka: str, tmp_path: Path, clickhouse_database: str) -> Iterator[RunningWorker]:
    with RunningWorker(kafka, tmp_path, SPENDSTREAM_CLICKHOUSE=clickhouse_database) as running:
        yield running.ready()
        assert "Traceback" not in running.log


class Repricer:
    """`spendstream reprice`."""

    def __init__(self, kafka: str, clickhouse: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SPENDSTREAM_")}
        self._environment = {**kept, "SPENDSTREAM_KAFKA": kafka, "SPENDSTREAM_CLICKHOUSE": clickhouse}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self._started("streams", "reprice", *words)

    def reconciled(self) -> str:
        """Calls, rollup, budgets and the log compared; there must be no difference."""
        process = self._started("warehouse", "reconcile", "--log")
        out, errors = process.communicate(timeout=90)
        assert process.returncode == 0, (out, errors)
        return out

    def _started(self, package: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", package, *words],
            cwd=PROJECT_ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it said on both ways out; its exit code must be `code`."""
        process = self.start(*words)
        out, errors = process.communicate(timeout=90)
        assert process.returncode == code, (out, errors)
        return out + errors


@pytest.fixture
def reprice(kafka: str, clickhouse_database: str) -> Repricer:
    return Repricer(kafka, clickhouse_database)


def a_price(team: str, dollars: str, model: str = "") -> PriceOverridden:
    """So many dollars for a million tokens of any kind: a call of 1000 and 300 costs 13 ten-thousandths of that."""
    rates = {"input": Decimal(dollars), "output": Decimal(dollars)}
    scope = PriceScope(team=team, model=model)
    return PriceOverridden(f"price-{uuid.uuid4()}", scope, LONG_AGO, datetime.now(UTC), rates=rates)


def spent_in(warehouse: Client, team: str) -> dict[str, tuple[int, Decimal]]:
    """Calls and USD of a team, as each of the three tells of it."""
    return {
        table: warehouse.rows(
            f"SELECT toInt64({number}), sum(cost_usd) FROM {table} WHERE team = {{team:String}}",
            {"team": team},
        )[0]
        for table, number in (
            ("calls", "count()"),
            ("spend_hourly", "sum(calls)"),
            ("statements", "sum(calls)"),
        )
    }


def stored(warehouse: Client, team: str, calls: int, cost_usd: Decimal) -> None:
    """Wait until the calls, the rollup and the statements all say so."""
    wanted = dict.fromkeys(("calls", "spend_hourly", "statements"), (calls, cost_usd))
    wait_until(
        lambda: spent_in(warehouse, team) == wanted, SETTLE_S, lambda: (spent_in(warehouse, team), wanted)
    )


async def charged(kafka: str, budget: Budget, calls: int, team: str, **changes: object) -> None:
    """So many calls of a team under the budget, written, priced and charged."""
    those = [a_call(budget, team=team, **changes) for _ in range(calls)]
    await write(kafka, [*defined(budget), *map(call_record, those)])
    await settled(kafka, [budget], [calls * A_CALL_COSTS])


def test_a_wrong_price_is_put_right_everywhere_at_once(
    kafka: str, loading_worker: RunningWorker, reprice: Repricer, warehouse: Client
) -> None:
    (budget,) = budgets("0.011")
    team = f"team-{uuid.uuid4()}"

    async def scenario() -> None:
        unknown = a_call(budget, team=team, model="nobody-knows-this")
        await write(kafka, [call_record(unknown)])
        await charged(kafka, budget, 3, team)
        before = (4, 3 * A_CALL_COSTS)
        await asyncio.to_thread(stored, warehouse, team, *before)
        assert (await newest_states(kafka, [budget]))[budget.name].status is BudgetStatus.BLOCKED

        await write(kafka, [governance_record(a_price(team, "1.000000001"))])
        # 1000 tokens and 300, each rounded to twelve places.
        right = Decimal("0.001000000001") + Decimal("0.000300000000")
        told = await asyncio.to_thread(reprice, *DAYS, "--team", team)
        assert "dry run: nothing was changed" in told
        assert "nobody-knows-this" in told
        assert spent_in(warehouse, team)["calls"] == before
        assert await asyncio.to_thread(reprice, *DAYS, "--team", team, "--apply", code=1)

        told = await asyncio.to_thread(reprice, *DAYS, "--team", team, "--apply", "--yes")
        assert "corrected 4 calls by -$0.011" in told
        found = await settled(kafka, [budget], [4 * right])
        assert found[budget.name].status is BudgetStatus.OPEN
        await asyncio.to_thread(stored, warehouse, team, 4, 4 * right)
        assert warehouse.rows(
            "SELECT count(), min(is_priced), uniqExact(price_version) FROM calls WHERE team = {team:String}",
            {"team": team},
        ) == [(4, True, 1)]
        assert warehouse.rows(
            "SELECT was_priced, count(), sum(delta_usd) FROM cost_corrections WHERE team = {team:String}"
            " GROUP BY was_priced ORDER BY was_priced",
            {"team": team},
        ) == [(False, 1, right), (True, 3, 3 * (right - A_CALL_COSTS))]

        told = await asyncio.to_thread(reprice, *DAYS, "--team", team, "--apply", "--yes")
        assert "nothing differs" in told
        assert len(await corrections(kafka, team)) == 4

    asyncio.run(scenario())


async def corrections(kafka: str, team: str) -> list[CostCorrected]:
    found = events(await read_topic(kafka, "llm.costs"), CostCorrected)
    return [event for event in found if event.finished.call.who.team == team]


def test_a_dearer_price_blocks_and_only_the_chosen_calls_change(
    kafka: str, loading_worker: RunningWorker, reprice: Repricer, warehouse: Client
) -> None:
    narrow, wide = budgets("1", "100")
    team, model = f"team-{uuid.uuid4()}", "gpt-4o-mini"

    async def scenario() -> None:
        await charged(kafka, wide, 2, team)
        await charged(kafka, narrow, 2, team)
        await asyncio.to_thread(stored, warehouse, team, 4, 4 * A_CALL_COSTS)
        await write(kafka, [governance_record(a_price(team, "1000"))])
        assert "no call to be priced again" in await asyncio.to_thread(
            reprice, *DAYS, "--team", team, "--model", model, code=1
        )
        await asyncio.to_thread(reprice, "--team", team, "--model", "gpt-4o", "--apply", "--yes")
        dear = Decimal("1.3")
        found = await settled(kafka, [narrow, wide], [2 * dear, 2 * dear])
        assert found[narrow.name].status is BudgetStatus.BLOCKED
        assert found[wide.name].status is BudgetStatus.OPEN

    asyncio.run(scenario())


def test_two_at_once_and_kill_9_in_the_middle_correct_every_call_once(
    kafka: str, loading_worker: RunningWorker, reprice: Repricer, warehouse: Client
) -> None:
    (budget,) = budgets("1000")
    team, calls = f"team-{uuid.uuid4()}", 1500

    async def scenario() -> None:
        await charged(kafka, budget, calls, team)
        await asyncio.to_thread(stored, warehouse, team, calls, calls * A_CALL_COSTS)
        await write(kafka, [governance_record(a_price(team, "3"))])
        words = ("--team", team, "--apply", "--yes")
        both = [reprice.start(*words), reprice.start(*words)]
        for _ in range(2):
            seen = len(await charge_corrections(kafka, budget))

            async def goes_on(seen: int = seen) -> bool:
                return len(await charge_corrections(kafka, budget)) > seen

            if seen < calls:
                await eventually(goes_on, SETTLE_S)
            loading_worker.kill_child()
        for one in both:
            out, errors = await asyncio.to_thread(one.communicate, timeout=90)
            assert one.returncode == 0, (out, errors)
        right = Decimal("0.0039")
        await settled(kafka, [budget], [calls * right])
        await asyncio.to_thread(stored, warehouse, team, calls, calls * right)
        told = await asyncio.to_thread(reprice.reconciled)
        assert "every call is as on the log" in told

    asyncio.run(scenario())


async def charge_corrections(kafka: str, budget: Budget) -> list[ChargeCorrected]:
    found = events(await read_topic(kafka, "budget.charges"), ChargeCorrected)
    return [event for event in found if event.budget_id == budget.name]
