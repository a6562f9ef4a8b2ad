"""One stack of real processes for all end-to-end tests, and what they look at it with."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.sdk_calls import Clients
from tests.fixtures.stack import Stack

DEADLINE_S = 120.0
"""Generous: a watchdog may have to replace what stands still, on a machine that does other things too."""


class Look:
    """Asks the processes, as an operator would: over HTTP, and nothing else."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._clients: list[Clients] = []

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The admin API's answer."""
        headers = {"Authorization": f"Bearer {self.stack.admin_token}", "content-type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        return self._json(f"{self.stack.url('gateway')}{path}", method, data, headers)

    def clients(self, key: str) -> Clients:
        """SDKs that call the gateway with `key`; closed when the test ends."""
        self._clients.append(made := Clients(self.stack.url("gateway"), key))
        return made

    def close(self) -> None:
        """Close what `clients` made."""
        for made in self._clients:
            made.close()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the warehouse; decimals come as texts."""
        query = urlencode({"query": f"{sql} FORMAT JSON", "output_format_json_quote_decimals": 1})
        rows: list[dict[str, Any]] = self._json(f"{self.stack.url('warehouse')}/?{query}")["data"]
        return rows

    def served(self) -> list[dict[str, Any]]:
        """The providers' own list of the calls they served."""
        calls: list[dict[str, Any]] = self._json(f"{self.stack.url('providers')}/_served?calls=1")["calls"]
        return calls

    def reset_served(self) -> None:
        self._json(f"{self.stack.url('providers')}/_served", "DELETE")

    def team_with_key(self, team: str) -> tuple[str, str]:
        """A new team's key and its id."""
        self.admin("POST", "/admin/teams", {"name": team})
        issued = self.admin("POST", "/admin/keys", {"team": team, "name": "e2e"})
        return issued["key"], issued["key_id"]

    def until(self, what: str, condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
        """The first true value of `condition`; fails the test with the last one after `deadline_s` seconds."""
        deadline = time.monotonic() + deadline_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not come about within {deadline_s:g} seconds; last seen: {value!r}")
            time.sleep(0.05)
        return value

    @staticmethod
    def _json(
        url: str, method: str = "GET", data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(url, data, headers or {}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


def decimal_sum(rows: list[dict[str, Any]], column: str) -> Decimal:
    """The exact sum of a decimal column."""
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
        assert set(running.stop().values()) == {0}, (
            "every process ends with exit code 0 when it is asked to stop"
        )


@pytest.fixture
def look(stack: Stack) -> Iterator[Look]:
    found = Look(stack)
    yield found
    found.close()
