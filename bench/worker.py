"""`python -m bench.worker`: how many calls a second one worker takes on one core, from a backlog, beside a bare loop.

A backlog of calls waits on `llm.calls`. The worker, alone on one core, takes it through costing, budgets and loading; it
has ended when every call stands in `calls_raw`, with its cost, in the rollup, and in the balances of both of its budgets.
Then the bare loop (`bench.bare`) decodes, prices and inserts the same events, on the same core, into the same server.
The broker, the warehouse and this process share the other cores. Each figure is the median of rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import backlog, stages
from bench.client import BenchFailed
from bench.cores import measured_core, on_cores, other_cores
from bench.figures import median_of, table
from bench.procfs import cpu_seconds
from ingest.events.calls import CallFinished
from ingest.kafka.admin import create_topics
from ingest.kafka.publisher import KafkaPublisher
from ingest.log import Outgoing
from ingest.pricing.book import GenaiPriceBook
from ingest.topics import PARTITIONS, TOPICS, TopicName
from streams.costing import cost_call
from tests.fixtures.stack import Stack, StackFailed
from warehouse.client import Client, create_client
from warehouse.migrations import migrate

_PUBLISH = 2000
_POLL_S = 0.1
_DEADLINE_S = 300.0
_OURS, _BARE = "spendstream", "bare"


def main() -> int:
    """The exit code: 0, or 1 when something failed or the figures of the warehouse are not those of the calls."""
    options = _options()
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.2f} before the"
        f" start; measured on core {measured_core()}, servers on {sorted(other_cores())}"
    )
    if options.stage:
        with on_cores({measured_core()}):
            print(table([stages.measure(options.stage, options.calls, options.rounds)]))
        return 0
    with tempfile.TemporaryDirectory(prefix="spendstream-bench-") as home:
        try:
            results = _measure(Path(home), options)
        except (BenchFailed, StackFailed) as reason:
            print(f"bench: {reason}", file=sys.stderr)
            return 1
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.worker", description=__doc__)
    parser.add_argument("--calls", type=int, default=60_000, help="calls in the backlog of a round [60000]")
    parser.add_argument("--rounds", type=int, default=3, help="rounds for each figure [3]")
    parser.add_argument("--stage", choices=stages.NAMES, help="only this stage, in memory, without servers")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _measure(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    stack = Stack(home, processes=("kafka", "warehouse"))
    with on_cores(other_cores()):
        stack.start()
        try:
            asyncio.run(_prepare(stack))
            rounds = [_round(stack, number, options.calls) for number in range(options.rounds)]
        finally:
            stack.stop()
    worker, bare = median_of([one["worker"] for one in rounds]), median_of([one["bare"] for one in rounds])
    print("\none core, from a backlog, until everything is stored (medians of rounds)")
    print(table([{"worker calls/s": worker["calls/s"], "bare calls/s": bare["calls/s"]} | _ratios(rounds)]))
    print("\nthe worker")
    print(table([worker]))
    print("\nthe bare loop")
    print(table([bare]))
    with on_cores({measured_core()}):
        shares: dict[str, float] = {}
        for name in stages.NAMES:
            shares |= stages.measure(name, 10_000, options.rounds)
    rest = worker["cpu us/call"] - sum(shares.values())
    shares |= {"all else us/call": rest, "all": worker["cpu us/call"]}
    print("\nwhere the worker's processor time goes: each stage by itself in memory, and what is left")
    print(table([shares]))
    return {"rounds": rounds, "worker": worker, "bare": bare, "stages": shares}


def _ratios(rounds: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    return median_of(
        [
            {
                "ratio by the clock": one["worker"]["calls/s"] / one["bare"]["calls/s"],
                "ratio by processor time": one["bare"]["cpu us/call"] / one["worker"]["cpu us/call"],
            }
            for one in rounds
        ]
    )


async def _prepare(stack: Stack) -> None:
    await create_topics(stack.kafka, TOPICS)
    for database in (_OURS, _BARE):
        client = create_client(f"{stack.url('warehouse')}/{database}")
        migrate(client)
        client.close()


def _round(stack: Stack, number: int, calls: int) -> dict[str, dict[str, float]]:
    """One backlog, taken by the worker and by the bare loop."""
    name, now = f"round-{number}", datetime.now(UTC)
    begin = asyncio.run(_ends(stack.kafka))
    those = backlog.budgets(name, now)
    expected = asyncio.run(_fill(stack.kafka, name, calls, now))
    end = asyncio.run(_ends(stack.kafka))
    worker = _worker(stack, name, len(those), expected, calls)
    bare = _bare(stack, begin, end)
    if bare.pop("calls") != calls:
        raise BenchFailed("the bare loop did not find the calls of the backlog")
    print(
        f"round {number}: worker {worker['calls/s']:,.0f}/s, bare loop {bare['calls/s']:,.0f}/s", flush=True
    )
    return {"worker": worker, "bare": bare}


async def _fill(kafka: str, name: str, count: int, now: datetime) -> Decimal:
    """Write the backlog; what it costs, USD."""
    those, book, total = backlog.budgets(name, now), GenaiPriceBook(), Decimal(0)

    def costed() -> Any:
        nonlocal total
        for finished in backlog.calls(name, count, those, now):
            total += _cost(finished, book)
            yield finished

    async with KafkaPublisher(kafka, "bench", timeout_s=60) as publisher:
        await publisher.publish(backlog.definitions(those))
        records = backlog.records(costed())
        while part := list[Outgoing](islice(records, _PUBLISH)):
            await publisher.publish(part)
    return total


def _cost(finished: CallFinished, book: GenaiPriceBook) -> Decimal:
    cost = cost_call(finished, book).cost
    if not cost.cost_usd:
        raise BenchFailed(f"{finished.model} has no price; the backlog would not be what calls are like")
    return cost.cost_usd


def _worker(stack: Stack, name: str, budgets: int, expected: Decimal, calls: int) -> dict[str, float]:
    with on_cores({measured_core()}):
        stack.restart("worker")
    began, before = time.monotonic(), cpu_seconds(stack.pids("worker"))
    client = create_client(f"{stack.url('warehouse')}/{_OURS}")
    try:
        costed_s, seconds = _until_stored(client, name, (calls, expected), budgets, began)
    except BenchFailed as reason:
        raise BenchFailed(f"{reason}\n{stack.output('worker')[-4000:]}") from reason
    finally:
        client.close()
    spent = cpu_seconds(stack.pids("worker")) - before
    stack.terminate("worker")
    return {
        "calls/s": calls / seconds,
        "seconds": seconds,
        "loaded after s": costed_s,
        "cpu s": spent,
        "cpu us/call": spent / calls * 1e6,
    }


def _until_stored(
    client: Client, name: str, expected: tuple[int, Decimal], budgets: int, began: float
) -> tuple[float, float]:
    """Seconds until all calls stood in `calls_raw`, and until rollup and budgets agreed as well."""
    calls, total = expected
    loaded_s, found = 0.0, (0, 0, Decimal(0))
    while (passed := time.monotonic() - began) < _DEADLINE_S:
        found = client.rows(
            "SELECT (SELECT count() FROM calls_raw WHERE startsWith(team, {name:String})),"
            " (SELECT sum(calls) FROM spend_hourly WHERE startsWith(team, {name:String})),"
            " (SELECT sum(spent_usd) FROM budgets_current WHERE startsWith(name, {name:String}))",
            {"name": f"{name}-"},
        )[0]
        loaded_s = loaded_s or (passed if found[0] >= calls else 0.0)
        if found[0] >= calls and found[1] == calls and found[2] == 2 * total:
            _check(client, name, expected, budgets)
            return loaded_s, time.monotonic() - began
        time.sleep(_POLL_S)
    raise BenchFailed(f"stored, summed up, charged: {found}; expected {calls}, {calls}, {2 * total}")


def _check(client: Client, name: str, expected: tuple[int, Decimal], budgets: int) -> None:
    """To the last place: speed without exactness is no figure."""
    params = {"name": f"{name}-"}
    asked = {
        "calls": "SELECT count(), sum(cost_usd) FROM calls WHERE startsWith(team, {name:String})",
        "rollup": "SELECT sum(calls), sum(cost_usd) FROM spend_hourly WHERE startsWith(team, {name:String})",
    }
    for what, sql in asked.items():
        if (found := client.rows(sql, params)[0]) != expected:
            raise BenchFailed(f"{what} holds {found}, the backlog {expected}")
    found = client.rows("SELECT count() FROM budgets_current WHERE startsWith(name, {name:String})", params)[
        0
    ]
    if found != (budgets,):
        raise BenchFailed(f"{found[0]} budgets have a state, not {budgets}")


def _bare(stack: Stack, begin: dict[int, int], end: dict[int, int]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.bare", "--kafka", stack.kafka]
    command += ["--clickhouse", f"{stack.url('warehouse')}/{_BARE}"]
    command += ["--begin", json.dumps(begin), "--end", json.dumps(end)]
    with on_cores({measured_core()}):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    if done.returncode:
        raise BenchFailed(f"the bare loop failed: {done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    calls = found["calls"]
    return {
        "calls": calls,
        "calls/s": calls / found["seconds"],
        "seconds": found["seconds"],
        "cpu s": found["cpu_s"],
        "cpu us/call": found["cpu_s"] / calls * 1e6,
        **{f"{part} us/call": seconds / calls * 1e6 for part, seconds in found["parts_s"].items()},
    }


async def _ends(kafka: str) -> dict[int, int]:
    """Partition of `llm.calls` -> its end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(TopicName.CALLS, number) for number in range(PARTITIONS)]
        return {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()


if __name__ == "__main__":
    sys.exit(main())
