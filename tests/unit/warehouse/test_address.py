from __future__ import annotations

import pytest

from ingest.errors import InvalidSetting
from warehouse.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8123/spendstream", Address("http", "127.0.0.1", 8123, "spendstream")),
        ("http://ch", Address("http", "ch", 8123, "spendstream")),
        ("https://ch/x/", Address("https", "ch", 8443, "x")),
        ("http://u:p%40ss@[::1]:1/d_1", Address("http", "::1", 1, "d_1", "u", "p@ss")),
    ],
)
def test_a_url_is_taken_apart(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ch:8123",
        "clickhouse://ch/x",
        "http://",
        "http://ch:port/x",
        "http://ch:99999/x",
        "http://ch/x?secure=1",
        "http://ch/a b",
        "http://ch/`; DROP",
        f"http://ch/{'x' * 65}",
    ],
)
def test_what_is_no_such_url_is_refused_without_repeating_it(url: str) -> None:
    secret = url.replace("http://", "http://user:hunter2@")
    with pytest.raises(InvalidSetting) as refusal:
        parse_address(secret)
    assert "hunter2" not in str(refusal.value)


def test_the_password_is_never_shown() -> None:
    address = parse_address("http://user:hunter2@ch:1/x")
    assert "hunter2" not in f"{address} {address!r}"


@pytest.mark.parametrize(("host", "is_loopback"), [("localhost", True), ("[::1]", True), ("10.0.0.1", False)])
def test_loopback_is_recognised(host: str, is_loopback: bool) -> None:
    assert parse_address(f"http://{host}/x").is_loopback is is_loopback
