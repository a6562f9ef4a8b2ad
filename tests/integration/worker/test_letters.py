"""A record that nobody could read, from the worker to the last cent: listed, shown, put right, replayed; counted once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.events.charges import ChargeSettled
from ingest.events.dead_letters import DeadLetter
from ingest.kafka.spans import spans
from ingest.log import Outgoing
from ingest.money import usd
from tests.fixtures.processes import PROJECT_ROOT
from tests.fixtures.worker import (
    RunningWorker,
    call_record,
    events,
    eventually,
    read_topic,
    wait_until,
    write,
)
from tests.integration.worker.asking import (
    A_CALL_COSTS,
    SETTLE_S,
    a_call,
    budgets,
    costs_of,
    defined,
    settled,
)
from warehouse.client import Client

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def loading_worker(kafka: str, tmp_path: Path, clickhouse_database: str) -> Iterator[RunningWorker]:
    with RunningWorker(kafka, tmp_path, SPENDSTREAM_CLICKHOUSE=clickhouse_database) as running:
        yield running.ready()
        assert "Traceback" not in running.log


def letters(kafka: str, *words: str, editor: str = "false") -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SPENDSTREAM_")}
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "letters", *words],
        cwd=PROJECT_ROOT,
        env={**kept, "SPENDSTREAM_KAFKA": kafka, "USER": "ada", "VISUAL": "", "EDITOR": editor},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def done(kafka: str, *words: str, editor: str = "false") -> str:
    answer = letters(kafka, *words, editor=editor)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    return answer.stdout


def buried(kafka: str) -> list[str]:
    """Names of the open letters, once there are any."""
    found: list[str] = []

    def ask() -> bool:
        listed = json.loads(done(kafka, "list", "--state", "open", "--format", "json"))
        found[:] = [letter["id"] for letter in listed]
        return bool(found)

    wait_until(ask, SETTLE_S, lambda: found)
    return found


def test_a_corrupt_call_that_is_put_right_and_replayed_counts_once(
    kafka: str, loading_worker: RunningWorker, warehouse: Client, tmp_path: Path
) -> None:
    (budget,) = budgets("100")
    call, other = a_call(budget), a_call(budget)
    good = call_record(call)
    assert good.value is not None
    corrupt = good.value.replace(b'"outcome":', b'"outcome"', 1)
    records = [*defined(budget), Outgoing(good.topic, good.key, corrupt), call_record(other)]
    asyncio.run(write(kafka, records))
    asyncio.run(settled(kafka, [budget], [A_CALL_COSTS]))
    (name,) = buried(kafka)
    assert name.startswith("llm.calls/")

    shown = done(kafka, "show", name)
    assert "readers   would not take it: no CloudEvents envelope" in shown
    assert "breaks    no JSON from byte" in shown
    refused = letters(kafka, "replay", name)
    assert refused.returncode == 1
    assert f"{name} was not replayed: no CloudEvents envelope" in refused.stderr

    wrong, right = tmp_path / "wrong.json", tmp_path / "right.json"
    wrong.write_bytes(corrupt)
    right.write_bytes(good.value + b"\n")
    assert letters(kafka, "fix", name, "--file", str(wrong)).returncode == 1
    assert f"{name} is put right (spendstream.CallFinished)" in done(kafka, "fix", name, "--file", str(right))
    assert f"{name} stands again at llm.calls/" in done(kafka, "replay", name)
    asyncio.run(settled(kafka, [budget], [2 * A_CALL_COSTS]))

    # Twice does no harm: nothing is done by itself, and one that is published once more is recognised.
    assert f"{name} was replayed before" in done(kafka, "replay", name)
    assert f"{name} stands again at" in done(kafka, "replay", name, "--again")
    last = a_call(budget)
    asyncio.run(write(kafka, [call_record(last)]))
    asyncio.run(settled(kafka, [budget], [3 * A_CALL_COSTS]))
    assert asyncio.run(costs_of(kafka, [call])) == {call.call.call_id: 1}
    charges = events(asyncio.run(read_topic(kafka, "budget.charges")), ChargeSettled)
    assert [c.amount_usd for c in charges if c.call_id == call.call.call_id] == [usd(A_CALL_COSTS)]

    def in_warehouse() -> bool:
        state = warehouse.rows("SELECT state, is_fixed, acted_by FROM dead_letters_current")
        stored = "SELECT count(), sum(cost_usd) FROM calls WHERE call_id IN {ids:Array(String)}"
        ids = [call.call.call_id, other.call.call_id, last.call.call_id]
        return warehouse.rows(stored, {"ids": ids}) == [(3, 3 * A_CALL_COSTS)] and state == [
            ("replayed", True, "ada")
        ]

    wait_until(in_warehouse, SETTLE_S, lambda: loading_worker.log)


def test_an_editor_puts_right_and_what_is_of_no_use_is_dismissed(
    kafka: str, loading_worker: RunningWorker, tmp_path: Path
) -> None:
    good = call_record(a_call())
    assert good.value is not None
    corrupt = good.value.replace(b'"provider":"openai"', b'"provider":5', 1)
    asyncio.run(write(kafka, [Outgoing(good.topic, good.key, corrupt), Outgoing(good.topic, "x", b"junk")]))

    async def both() -> bool:
        found = events(await read_topic(kafka, "dead.letters"), DeadLetter)
        return {corrupt, b"junk"} <= {letter.value for letter in found}

    asyncio.run(eventually(both, SETTLE_S))
    listed = json.loads(done(kafka, "list", "--state", "open", "--format", "json"))
    (junk,) = [letter["id"] for letter in listed if letter["bytes"] == 4]
    (name,) = [letter["id"] for letter in listed if letter["bytes"] == len(corrupt)]
    editor = 'sed -i \'s/"provider": 5/"provider": "openai"/\''
    assert f"{name} is put right" in done(kafka, "fix", name, "--edit", editor=editor)
    unchanged = letters(kafka, "fix", name, "--edit", editor="true")
    assert unchanged.returncode == 1
    assert "nothing was changed" in unchanged.stderr
    assert f"{junk} is dismissed: a test" in done(kafka, "dismiss", junk, "--reason", "a test")
    assert f"{name} stands again at" in done(kafka, "replay", "--all")
    assert "no letter is open" in done(kafka, "replay", "--all")
    table = done(kafka, "list")
    assert " dismissed " in table
    assert " replayed " in table
    assert {span.begin for span in asyncio.run(spans(kafka, "dead.letters")).values()} == {0}


def test_a_log_that_is_not_there_is_one_line() -> None:
    failed = letters("127.0.0.1:1", "list")
    assert failed.returncode == 1
    assert failed.stderr == "spendstream: no Kafka broker answered at 127.0.0.1:1 within 5 seconds\n"
