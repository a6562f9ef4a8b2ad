"""The stack as its users reach it: calls through the gateway, the admin API, questions to the warehouse."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from tests.fixtures.stack import Stack

_TIMEOUT_S = 60.0
_POLL_S = 0.2
_BODY = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say what the weather is like. " * 8}]}
).encode()
# 1,000,000 output tokens of gpt-4o-mini cost $0.60.
_COSTLY = json.dumps({"input_tokens": 0, "output_tokens": 1_000_000})


class Usage(msgspec.Struct):
    """Tokens of one answer, as the provider counts them."""

    prompt_tokens: int
    completion_tokens: int


class _Answer(msgspec.Struct):
    usage: Usage


_DECODER = msgspec.json.Decoder(_Answer)


class BenchFailed(Exception):
    """The stack did something wrong: no figure of this run counts."""


class Client:
    """Use as an async context manager."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._calls = f"{stack.url('gateway')}/openai/v1/chat/completions"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, key: str, costly: bool = False) -> Usage | None:
        """One chat completion; None when it was refused by a budget. Raises BenchFailed for any other answer."""
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        if costly:
            headers["x-simulate"] = _COSTLY
        async with self._session.post(self._calls, data=_BODY, headers=headers) as answer:
            raw = await answer.read()
        if answer.status == 429:
            return None
        if answer.status != 200:
            raise BenchFailed(f"the gateway answered {answer.status}: {raw[:300]!r}")
        return _DECODER.decode(raw).usage

    async def key_of_team(self, team: str) -> str:
        """A key of a new team."""
        await self._admin("/admin/teams", {"name": team})
        issued = await self._admin("/admin/keys", {"team": team, "name": "bench"})
        return str(issued["key"])

    async def set_budget(self, team: str, limit_usd: str) -> None:
        """A soft monthly budget on a team, named like it."""
        body = {
            "name": team,
            "scope": {"team": team},
            "limit_usd": limit_usd,
            "window": "month",
            "mode": "soft",
        }
        await self._admin("/admin/budgets", body)

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the warehouse."""
        params = {"query": f"{sql} FORMAT JSON"}
        async with self._session.get(self._stack.url("warehouse"), params=params) as answer:
            raw = await answer.read()
        if answer.status != 200:
            raise BenchFailed(f"the warehouse answered {answer.status}: {raw[:300]!r}")
        rows: list[dict[str, Any]] = json.loads(raw)["data"]
        return rows

    async def until_stored(self, prefix: str, calls: int, deadline_s: float) -> dict[str, Any]:
        """Sums over the calls of all teams whose names begin with `prefix`, once there are `calls` of them."""
        sql = (
            "SELECT count() AS calls, sum(input_tokens) AS input, sum(output_tokens) AS output FROM calls"
            f" WHERE startsWith(team, '{prefix}')"
        )
        deadline = time.monotonic() + deadline_s
        while True:
            (found,) = await self.rows(sql)
            if int(found["calls"]) >= calls:
                return found
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"{found['calls']} of {calls} calls were stored within {deadline_s:g} seconds"
                )
            await asyncio.sleep(_POLL_S)

    async def _admin(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {self._stack.admin_token}"}
        async with self._session.post(
            self._stack.url("gateway") + path, json=body, headers=headers
        ) as answer:
            raw = await answer.read()
        if answer.status not in (200, 201):
            raise BenchFailed(f"the admin API answered {answer.status}: {raw[:300]!r}")
        return json.loads(raw)
