"""Who may ask the embedded warehouse."""

from __future__ import annotations

import base64

import pytest

from warehouse.embedded.auth import Gate
from warehouse.embedded.errors import ClickHouseError

SECRET = "pä:ss"
LOCKED = Gate(user="analyst", password=SECRET)
OPEN = Gate()


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def status(gate: Gate, headers: dict[str, str], params: dict[str, str] | None = None) -> int:
    """200 when the gate lets it in."""
    try:
        gate.admit(headers, params or {})
    except ClickHouseError as error:
        return error.status if error.code == 516 and SECRET not in str(error) else 500
    return 200


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        (basic("analyst", SECRET), {}),
        ({"x-clickhouse-user": "analyst", "x-clickhouse-key": SECRET}, {}),
        ({}, {"user": "analyst", "password": SECRET}),
        ({"x-clickhouse-user": "analyst", "x-clickhouse-key": SECRET, **basic("other", "x")}, {}),
    ],
)
def test_the_right_password_may_come_in_three_ways(headers: dict[str, str], params: dict[str, str]) -> None:
    assert status(LOCKED, headers, params) == 200


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        (basic("analyst", "wrong"), {}),
        (basic("default", SECRET), {}),
        (basic("analyst", ""), {}),
        ({"x-clickhouse-user": "analyst"}, {}),
        ({"x-clickhouse-key": SECRET}, {}),
        ({}, {"user": "analyst"}),
        ({"authorization": "Bearer token"}, {"user": "analyst", "password": SECRET}),
        ({"authorization": "Basic ###"}, {}),
        ({"authorization": "Basic " + base64.b64encode(b"\xff").decode()}, {}),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], params: dict[str, str]) -> None:
    assert status(LOCKED, headers, params) == 403


def test_without_credentials_the_client_is_asked_for_them() -> None:
    assert status(LOCKED, {}) == 401


def test_without_a_password_the_default_user_may_ask() -> None:
    assert status(OPEN, {}) == 200
    assert status(OPEN, basic("default", "")) == 200
    assert status(OPEN, basic("", "")) == 200
    assert status(OPEN, basic("default", "x")) == 403
    assert status(OPEN, basic("root", "")) == 403


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "127.0.0.1:8123"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:8123"}, 200),
        ({"host": "rebound.example:8123"}, 401),
        ({"origin": "null"}, 401),
        ({"origin": "http://127.0.0.1:8050"}, 401),
        ({"sec-fetch-site": "cross-site"}, 401),
        ({"sec-fetch-site": "none"}, 200),
    ],
)
def test_without_a_password_no_web_page_may_ask(headers: dict[str, str], expected: int) -> None:
    assert (status(OPEN, headers) == 200) == (expected == 200)


def test_with_a_password_a_page_that_knows_it_may_ask() -> None:
    assert (
        status(LOCKED, {"origin": "http://x.example", "host": "warehouse:8123", **basic("analyst", SECRET)})
        == 200
    )


def test_a_warehouse_that_listens_beyond_loopback_has_other_names() -> None:
    assert status(Gate(host="0.0.0.0"), {"host": "warehouse:8123"}) == 200
