"""`python -m bench.pipeline`: the whole embedded stack, measured on this machine, with simulated providers that answer at once.

Everything shares the machine, the providers and the client included, so the figures are what one machine does with all
of it. Each figure is a median of rounds. The stack is private: free ports, a state folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.blocks import background_load, measure_blocks
from bench.client import BenchFailed, Client
from bench.figures import blocking, level, median_of, table
from bench.load import run_round
from bench.procfs import cpu_seconds, resident_mb
from tests.fixtures.stack import Stack, StackFailed

_CALLERS_MEANWHILE = 8


def main() -> int:
    """The exit code: 0, or 1 when the stack failed or lost or doubled a call."""
    options = _options()
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(
        f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.2f} before the start"
    )
    with tempfile.TemporaryDirectory(prefix="spendstream-bench-") as home:
        try:
            results = _measure(Stack(Path(home)), options)
        except (BenchFailed, StackFailed) as reason:
            print(f"bench: {reason}", file=sys.stderr)
            return 1
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds for each figure [3]")
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of load in a round [8]")
    parser.add_argument(
        "--concurrency",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[1, 8, 32, 64],
        help="[1,8,32,64]",
    )
    parser.add_argument("--budgets", type=int, default=100, help="budgets to exhaust [100]")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _measure(stack: Stack, options: argparse.Namespace) -> dict[str, Any]:
    starts = _starts(stack, options.rounds)
    try:
        results = uvloop.run(_under_load(stack, options))
    finally:
        stopped_at = time.monotonic()
        codes = stack.stop()
        stopping_s = time.monotonic() - stopped_at
    print(f"\nall stopped in {stopping_s:.1f} s, exit codes {sorted(set(codes.values()))}")
    return {"starts": starts, **results, "stopping_s": stopping_s}


def _starts(stack: Stack, rounds: int) -> dict[str, Any]:
    """Starts on nothing, then again and again on the state that the former left; leaves the last one running."""
    stack.start()
    first = _ready_after(stack)
    again = []
    for _ in range(rounds):
        stack.stop()
        stack.start()
        again.append(_ready_after(stack))
    median = median_of(again)
    print(
        "\nseconds until ready (the first on an empty folder, Kafka's jars being there; then the median of restarts)"
    )
    print(table([first, median]))
    return {"first": first, "again": median, "rounds": rounds}


def _ready_after(stack: Stack) -> dict[str, float]:
    return {**stack.ready_after_s, "all": max(stack.ready_after_s.values())}


async def _under_load(stack: Stack, options: argparse.Namespace) -> dict[str, Any]:
    async with Client(stack) as client:
        idle = _resident(stack)
        await run_round(client, "warmup", 8, 2.0)
        levels, processor = [], []
        for concurrency in options.concurrency:
            found, spent = await _level(stack, client, concurrency, options)
            levels.append(found)
            processor.append(spent)
        print("\ncalls through the whole pipeline, until all stand in the view `calls` (medians of rounds)")
        print(table(levels))
        print("\nprocessor time for each call, ms, of each process (medians of rounds)")
        print(table(processor))
        loaded = _resident(stack)
        print("\nresident memory, MB: after the start, after the load")
        print(table([idle, loaded]))
        alone = blocking(await measure_blocks(client, "alone", options.budgets))
        async with background_load(client, "meanwhile", _CALLERS_MEANWHILE):
            busy = blocking(await measure_blocks(client, "busy", options.budgets))
        print(
            f"\nfrom the answer that spends a budget to the first refusal: alone, beside {_CALLERS_MEANWHILE} callers"
        )
        print(table([alone, busy]))
    return {
        "levels": levels,
        "cpu_ms_per_call": processor,
        "resident_mb": {"idle": idle, "loaded": loaded},
        "blocks": {"alone": alone, "busy": busy},
    }


async def _level(
    stack: Stack, client: Client, concurrency: int, options: argparse.Namespace
) -> tuple[dict[str, float], dict[str, float]]:
    """The figures of one concurrency, and the processor time that each process spent on a call, ms."""
    rounds, spent = [], []
    for number in range(options.rounds):
        before = _processor_s(stack)
        rounds.append(await run_round(client, f"c{concurrency}r{number}", concurrency, options.seconds))
        after = _processor_s(stack)
        spent.append({name: (after[name] - before[name]) * 1000 / rounds[-1].answered for name in after})
    return level(rounds), {"concurrency": concurrency, **median_of(spent)}


def _processor_s(stack: Stack) -> dict[str, float]:
    used = {name: cpu_seconds(stack.pids(name)) for name in stack.names}
    return {**used, "this client": cpu_seconds([os.getpid()])}


def _resident(stack: Stack) -> dict[str, float]:
    each = {name: resident_mb(stack.pids(name)) for name in stack.names}
    ours = [name for name in each if name != "providers"]
    return {**each, "all but providers": sum(each[name] for name in ours)}


if __name__ == "__main__":
    sys.exit(main())
