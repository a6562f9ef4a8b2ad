"""One round of load: so many callers, each with one call at a time, for so many seconds; then until all is stored."""

from __future__ import annotations

import asyncio
import time
from itertools import cycle, islice

from bench.client import BenchFailed, Client
from bench.figures import Round

# A team's calls stay in order, in one partition of Kafka: several teams use several.
_TEAMS = 8
_STORED_WITHIN_S = 300.0


class _Counts:
    """What the callers saw."""

    def __init__(self) -> None:
        self.failed = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.latencies_ms: list[float] = []


async def run_round(client: Client, name: str, concurrency: int, seconds: float) -> Round:
    """Raises BenchFailed when the warehouse does not hold exactly what was answered, call for call and token for token."""
    keys = [await client.key_of_team(f"{name}-{number}") for number in range(_TEAMS)]
    counts = _Counts()
    began = time.monotonic()
    callers = [_caller(client, key, began + seconds, counts) for key in islice(cycle(keys), concurrency)]
    await asyncio.gather(*callers)
    answered_at = time.monotonic()
    answered = len(counts.latencies_ms)
    stored = await client.until_stored(f"{name}-", answered, _STORED_WITHIN_S)
    stored_at = time.monotonic()
    seen = (answered, counts.input_tokens, counts.output_tokens)
    if tuple(int(stored[column]) for column in ("calls", "input", "output")) != seen:
        raise BenchFailed(f"answered (calls, input, output) {seen}, stored {stored}")
    return Round(
        concurrency=concurrency,
        answered=answered,
        failed=counts.failed,
        sending_s=answered_at - began,
        whole_s=stored_at - began,
        latencies_ms=counts.latencies_ms,
    )


async def _caller(client: Client, key: str, until: float, counts: _Counts) -> None:
    while (sent := time.monotonic()) < until:
        usage = await client.call(key)
        if usage is None:
            counts.failed += 1
            continue
        counts.latencies_ms.append((time.monotonic() - sent) * 1000)
        counts.input_tokens += usage.prompt_tokens
        counts.output_tokens += usage.completion_tokens
