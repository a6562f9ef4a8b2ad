"""What these tests share: a table to write to, and ways to ask and to wait."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

from clickhouse_connect.driver.client import Client

WAIT_S = 20.0
COLUMNS = ["id", "team", "cost", "at"]
AT = datetime(2026, 11, 1, 12, 30, 0, 123000, tzinfo=UTC)
MONEY = [
    Decimal("0.000000000001"),
    Decimal("-0.1"),
    Decimal("99999999999999999999999999.999999999999"),
    Decimal("-99999999999999999999999999.999999999999"),
]
BUSY = "SELECT count() FROM numbers(100000000000) WHERE number % 7 = 1"


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S:g} s: {what}"
        time.sleep(0.01)


def running(client: Client, text: str) -> int:
    """How many statements that contain `text` run now, besides this question."""
    found = client.query(
        "SELECT count() FROM system.processes WHERE position(query, {text:String}) > 0 AND query NOT LIKE '%processes%'",
        parameters={"text": text},
    )
    return int(found.result_rows[0][0])


def request(
    url: str,
    method: str = "POST",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    **more: str,
) -> tuple[int, dict[str, str], bytes]:
    """One plain HTTP request: status, headers (lower case), body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_S)
    query = urlencode({"database": parts.path.strip("/"), **(params or {}), **more})
    try:
        connection.request(method, f"/?{query}", body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()
