"""What the others say: the providers' own list of calls, the warehouse, and the budgets as both gateways show them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec

from gateway_shim.simulation.ledger import Served, ServedCall
from tests.chaos.people import Admin, People
from tests.chaos.prices import TOKENS
from tests.fixtures.stack import Stack

_EVERY_S = 2.0
_MONEY = ("cost_usd", "input_cost_usd", "cache_cost_usd", "output_cost_usd")
_CALLS = f"""
SELECT call_id, team, outcome, http_status, provider, model, is_stream, is_priced, is_estimated, error_type, response_id, version,
    {", ".join(TOKENS)}, {", ".join(_MONEY)}, budgets,
    formatDateTime(toStartOfHour(started_at), '%Y-%m-%d %H:00:00') AS hour, org, project, latency_ms,
    toUnixTimestamp64Micro(finished_at) / 1e6 AS finished_s, toUnixTimestamp64Milli(inserted_at) / 1e3 AS inserted_s
    {{more}}
FROM calls"""
SUMS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    *_MONEY,
)
"""What the rollup adds up, of what is compared here."""
GROUP = ("team", "hour", "org", "project", "provider", "model", "outcome")
_ROLLUP = f"""
SELECT {", ".join(GROUP)}, calls, {", ".join(SUMS)}, estimated_calls, unpriced_calls
FROM (SELECT * REPLACE (formatDateTime(hour, '%Y-%m-%d %H:00:00') AS hour) FROM spend_hourly)"""

Row = dict[str, Any]


@dataclass
class OtherBooks:
    """As read at one moment, after the load has ended."""

    rows: dict[str, Row] = field(default_factory=dict)
    """The view `calls`, by call id."""
    row_count: int = 0
    rollup: list[Row] = field(default_factory=list)
    dead_letters: set[tuple[str, int, int]] = field(default_factory=set)
    budgets: dict[str, list[Row]] = field(default_factory=dict)
    """What each gateway's admin API says about each budget."""


class WarehouseSays(aiohttp.ClientError):
    """An answer that is none: what comes while it starts, or because of a fault of ours."""


class ProviderBooks:
    """The providers' list, read on while the run goes on, since they keep only the newest calls."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self._url = f"{stack.url('providers')}/_served?calls=1"
        self._session = session
        self._read = 0
        self.calls: list[ServedCall] = []

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(_EVERY_S)

    async def catch_up(self) -> None:
        """Read what they have served since the last time."""
        async with self._session.get(f"{self._url}&after={self._read}") as answer:
            answer.raise_for_status()
            served = msgspec.json.decode(await answer.read(), type=Served)
        found = served.calls or []
        if len(found) != served.recorded - self._read:
            raise AssertionError(f"{served.recorded - self._read - len(found)} served calls were not kept")
        self.calls += found
        self._read = served.recorded


class Asking:
    """Reads the other books."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, admin: Admin) -> None:
        self._stack = stack
        self._session = session
        self._admin = admin

    async def rows(self, sql: str) -> list[Row]:
        """Rows of the warehouse; decimals come as texts."""
        settings = {
            "query": f"{sql} FORMAT JSONEachRow",
            "output_format_json_quote_decimals": "1",
            "output_format_json_quote_64bit_integers": "0",
        }
        async with self._session.get(self._stack.url("warehouse"), params=settings) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise WarehouseSays(f"{answer.status} to {sql!r}: {text}")
        return [json.loads(line) for line in text.splitlines()]

    async def count(self) -> int:
        """Calls in the view."""
        return int((await self.rows("SELECT count() AS calls FROM calls"))[0]["calls"])

    async def everything(self, people: People, gateways: tuple[str, ...]) -> OtherBooks:
        """All of it, now."""
        columns = {
            row["name"] for row in await self.rows("SELECT name FROM system.columns WHERE table = 'calls'")
        }
        more = "".join(f", {name}" for name in ("time_flag", "attempt", "budget_windows") if name in columns)
        rows = await self.rows(_CALLS.format(more=more))
        letters = await self.rows("SELECT topic, kafka_partition, kafka_offset FROM dead_letters FINAL")
        return OtherBooks(
            rows={row["call_id"]: row for row in rows},
            row_count=len(rows),
            rollup=await self.rows(_ROLLUP),
            dead_letters={(row["topic"], row["kafka_partition"], row["kafka_offset"]) for row in letters},
            budgets={
                name: [await self._admin.ask(gateway, "GET", f"budgets/{name}") for gateway in gateways]
                for name in people.budgets
            },
        )

    async def waits_in_spools(self, gateways: tuple[str, ...]) -> int:
        """Bytes that the gateways have not got onto the log yet."""
        waiting = 0
        for gateway in gateways:
            async with self._session.get(f"{self._stack.url(gateway)}/health") as answer:
                recorder = (await answer.json())["parts"]["recorder"]
            waiting += recorder["spool_bytes"] + recorder["records_in_memory"]
        return waiting


def money(row: Row, name: str = "cost_usd") -> Decimal:
    """An amount of a row."""
    return Decimal(row[name])
