"""`spendstream reconcile` over what a real worker has charged and loaded: budgets, charges on the log, invoices."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ingest.events.calls import CallFinished, Outcome
from ingest.events.governance import BudgetDeleted
from ingest.governance.budgets import Budget
from tests.builders import AT, a_call_costed
from tests.fixtures.processes import PROJECT_ROOT
from tests.fixtures.worker import RunningWorker, call_record, governance_record, wait_until, write
from tests.integration.worker.asking import A_CALL_COSTS, SETTLE_S, a_call, budgets, defined, settled
from warehouse.client import Client
from warehouse.rows import CALLS, call_row

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def loading_worker(kafka: str, tmp_path: Path, clickhouse_database: str) -> Iterator[RunningWorker]:
    with RunningWorker(kafka, tmp_path, SPENDSTREAM_CLICKHOUSE=clickhouse_database) as running:
        yield running.ready()
        assert "Traceback" not in running.log


class Reconciler:
    """`python -m warehouse reconcile`."""

    def __init__(self, kafka: str, clickhouse: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SPENDSTREAM_")}
        self._environment = {**kept, "SPENDSTREAM_KAFKA": kafka, "SPENDSTREAM_CLICKHOUSE": clickhouse}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "warehouse", "reconcile", *words],
            cwd=PROJECT_ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def count(warehouse: Client, sql: str) -> int:
    ((number,),) = warehouse.rows(sql)
    return int(number)


def make_old(warehouse: Client) -> None:
    """As if everything had been stored an hour ago: nothing is on the way any more."""
    for table in ("calls_raw", "budget_states"):
        warehouse.execute(
            f"ALTER TABLE {table} UPDATE inserted_at = inserted_at - 3600 WHERE 1 SETTINGS mutations_sync = 1"
        )


def play(kafka: str, worker: RunningWorker, warehouse: Client) -> tuple[list[Budget], list[CallFinished]]:
    """Three budgets: one plain, one that is reset in between, one that is deleted at the end."""
    plain, reset, deleted = budgets("100", "100", "100")
    again = msgspec.structs.replace(reset, epoch=1)
    calls = [a_call(plain, reset, deleted) for _ in range(5)]
    later = [a_call(plain, again) for _ in range(3)]

    async def scenario() -> None:
        await write(kafka, [*defined(plain, reset, deleted), *map(call_record, calls)])
        await settled(kafka, [plain, reset, deleted], [5 * A_CALL_COSTS] * 3)
        await write(kafka, [*defined(again), *map(call_record, [*later, *calls[:2]])])
        await settled(kafka, [plain, again], [8 * A_CALL_COSTS, 3 * A_CALL_COSTS])
        await write(kafka, [governance_record(BudgetDeleted(deleted, datetime.now(UTC)))])

    asyncio.run(scenario())
    names = [plain.name, reset.name, deleted.name]

    def is_loaded() -> bool:
        spent = warehouse.rows(
            "SELECT name, status, spent_usd FROM budgets_current WHERE name IN {names:Array(String)}",
            {"names": names},
        )
        expected = {
            (plain.name, "open", 8 * A_CALL_COSTS),
            (reset.name, "open", 3 * A_CALL_COSTS),
            (deleted.name, "deleted", 5 * A_CALL_COSTS),
        }
        return set(spent) == expected and count(warehouse, "SELECT sum(calls) FROM spend_hourly") == 8

    wait_until(is_loaded, SETTLE_S, lambda: worker.log)
    return [plain, again, deleted], [*calls, *later]


def test_budgets_agree_with_their_calls_and_with_the_log_and_a_lost_call_is_found(
    kafka: str, loading_worker: RunningWorker, warehouse: Client, clickhouse_database: str
) -> None:
    reconcile = Reconciler(kafka, clickhouse_database)
    (plain, reset, deleted), calls = play(kafka, loading_worker, warehouse)
    make_old(warehouse)
    fine = reconcile("--log")
    assert fine.returncode == 0, fine.stdout + fine.stderr
    # Of the budget that was reset, both balances.
    assert "4 agree with their calls to the last place" in fine.stdout.splitlines()
    assert "every call is as on the log" in fine.stdout
    assert fine.stdout.splitlines()[-1] == "every call is charged what it costs"

    lost = calls[0].call.call_id
    warehouse.execute(
        "ALTER TABLE calls_raw DELETE WHERE call_id = {call_id:String} SETTINGS mutations_sync = 1",
        {"call_id": lost},
    )
    found = reconcile("--log")
    assert found.returncode == 1
    for budget, before, cost in ((plain, 8, 7), (deleted, 5, 4)):
        told = f"budget {budget.name}, window 0/"
        (line,) = [text for text in found.stdout.splitlines() if text.startswith("DIFFERS") and told in text]
        assert f"{cost} calls cost ${cost * A_CALL_COSTS:.12f}, spent ${before * A_CALL_COSTS:.12f}" in line
    assert f"call {lost} is not in the warehouse, charged ${A_CALL_COSTS:.12f}" in found.stdout
    assert f"call {lost} of search: log ${A_CALL_COSTS:.12f} (version 1), missing" in found.stdout

    told = json.loads(reconcile("--log", "--format", "json").stdout)
    assert told["agrees"] is False
    assert {one["standing"] for one in told["balances"] if one["budget"] == reset.name} == {
        "differs",
        "agrees",
    }
    assert any(lost in one for one in told["charges"]["findings"])


def test_an_invoice_is_compared_by_day_and_model(
    warehouse: Client, clickhouse_database: str, tmp_path: Path
) -> None:
    reconcile = Reconciler("127.0.0.1:1", clickhouse_database)
    calls = [
        a_call_costed(response_model="gpt-4o-2024-08-06", cost_usd="0.01", cache_read_tokens=800)
        for _ in range(3)
    ]
    calls.append(a_call_costed(operation="embeddings", model="text-embedding-3-small", cost_usd="0.5"))
    calls.append(a_call_costed(outcome=Outcome.REFUSED, cost_usd="0", input_tokens=0, output_tokens=0))
    rows = [call_row(call, 0, n) for n, call in enumerate(calls)]
    warehouse.insert(CALLS, list(zip(*rows, strict=True)))
    start = int(AT.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    usage = {
        "object": "organization.usage.completions.result",
        "input_tokens": 3000,
        "output_tokens": 900,
        "input_cached_tokens": 2400,
        "num_model_requests": 3,
        "model": "gpt-4o-2024-08-06",
    }
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [usage]}
    file = tmp_path / "usage.json"
    file.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}))
    fine = reconcile("--usage", str(file))
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert fine.stdout.splitlines()[-1] == "our calls agree with the provider's count"
    assert "embedding" not in fine.stdout, "a list of completions is not about them"

    usage["output_tokens"] = 1000
    file.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}))
    assert reconcile("--usage", str(file), "--tolerance", "10").returncode == 0
    wrong = reconcile("--usage", str(file), "--format", "json")
    assert wrong.returncode == 1
    (line,) = [x for x in json.loads(wrong.stdout)["reports"][0]["lines"] if x["verdict"] != "equal"]
    assert (line["measure"], line["difference"], line["percent"]) == ("output_tokens", "-100", "-10.0000")

    table = tmp_path / "invoice.csv"
    table.write_text(
        f"date,model,cost\n{AT:%Y-%m-%d},gpt-4o-2024-08-06,0.03\n{AT:%Y-%m-%d},o3,7\n{AT:%Y-%m-%d},text-embedding-3-small,.5\n"
    )
    bypassed = reconcile("--usage", str(table), "--provider", "openai")
    assert bypassed.returncode == 1
    assert "1 lines are not equal: 1 only theirs" in bypassed.stdout
    assert (
        reconcile("--usage", str(table)).stderr
        == f"spendstream: {table}: line 2: no column says whose usage this is; say --provider\n"
    )
