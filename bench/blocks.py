"""How long a spent budget lets calls through: from the answer that exhausts it until the first refusal is received."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.client import BenchFailed, Client
from bench.figures import Block

_LIMIT_USD = "0.50"
_DEADLINE_S = 30.0


async def measure_blocks(client: Client, name: str, budgets: int) -> list[Block]:
    """One budget after the other, each with a team of its own; all are set before the first is spent."""
    keys = {}
    for number in range(budgets):
        team = f"{name}-{number}"
        keys[team] = await client.key_of_team(team)
        await client.set_budget(team, _LIMIT_USD)
    return [await _measure(client, team, key) for team, key in keys.items()]


@asynccontextmanager
async def background_load(client: Client, name: str, callers: int) -> AsyncIterator[None]:
    """So many callers of another team, each with one call at a time, meanwhile."""
    key = await client.key_of_team(name)
    stopping = asyncio.Event()

    async def caller() -> None:
        while not stopping.is_set():
            await client.call(key)

    tasks = [asyncio.create_task(caller()) for _ in range(callers)]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def _measure(client: Client, team: str, key: str) -> Block:
    if await client.call(key, costly=True) is None:
        raise BenchFailed(f"the first call of {team} was refused")
    spent_at = time.monotonic()
    let_through = 0
    # One call after the other, without a pause: the figure is at most one call too long.
    while await client.call(key) is not None:
        let_through += 1
        if time.monotonic() - spent_at > _DEADLINE_S:
            raise BenchFailed(f"the budget of {team} did not block within {_DEADLINE_S:g} seconds")
    return Block((time.monotonic() - spent_at) * 1000, let_through)
