"""The HTTP side on a store that answers from memory: statuses, limits, headers, and what a fault of ours looks like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typing_extensions import override

from warehouse.embedded.ask import Ask, Reply
from warehouse.embedded.auth import Gate
from warehouse.embedded.engine import Store
from warehouse.embedded.errors import ClickHouseError
from warehouse.embedded.http import Interface, create_app
from warehouse.embedded.native import Answer
from warehouse.embedded.workers import Workers

LIMIT = 1000


class FakeStore(Store):
    """Answers with what `script` makes of the request, on no disk at all."""

    def __init__(self, script: Callable[[Ask], Reply]) -> None:
        super().__init__(Path("nowhere"))
        self.version = "26.9"
        self._script = script

    @override
    def run(self, ask: Ask, deliver: Callable[[Reply], None]) -> None:
        deliver(self._script(ask))


def client(script: Callable[[Ask], Reply], gate: Gate | None = None) -> TestClient:
    interface = Interface(FakeStore(script), Workers(2), gate or Gate(), LIMIT)
    return TestClient(create_app(interface), base_url="http://127.0.0.1", raise_server_exceptions=False)


def say(body: bytes) -> Callable[[Ask], Reply]:
    return lambda _: Reply(Answer(body=body, read_rows=3, result_rows=1, elapsed_s=0.5))


def fail(error: Exception) -> Callable[[Ask], Reply]:
    def script(_: Ask) -> Reply:
        raise error

    return script


def test_ping_needs_no_password() -> None:
    answer = client(say(b""), Gate(password="secret")).get("/ping")
    assert (answer.status_code, answer.text) == (200, "Ok.\n")


def test_a_request_without_sql_is_ok() -> None:
    assert client(say(b"x")).get("/").text == "Ok.\n"


def test_an_answer_has_the_headers_clients_read() -> None:
    answer = client(say(b"1\n")).post("/", params={"query_id": "q"}, content=b"SELECT 1 FORMAT CSV")
    assert answer.content == b"1\n"
    assert answer.headers["x-clickhouse-query-id"] == "q"
    assert answer.headers["x-clickhouse-format"] == "CSV"
    assert answer.headers["x-clickhouse-timezone"] == "UTC"
    assert answer.headers["content-type"] == "text/csv; charset=UTF-8"
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["result_rows"], summary["elapsed_ns"]) == ("3", "1", "500000000")


def test_ddl_has_no_format() -> None:
    answer = client(say(b"")).post("/", content=b"CREATE TABLE t (a Int8) ENGINE = Memory")
    assert "x-clickhouse-format" not in answer.headers


def test_an_error_has_its_code_and_status() -> None:
    error = ClickHouseError(60, "Table t does not exist", name="UNKNOWN_TABLE")
    answer = client(fail(error)).post("/", content=b"SELECT * FROM t")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (404, "60")
    assert (
        answer.text
        == "Code: 60. DB::Exception: Table t does not exist. (UNKNOWN_TABLE) (version 26.9 (official build))\n"
    )


def test_a_fault_of_ours_is_500_and_keeps_its_inside() -> None:
    answer = client(fail(ZeroDivisionError("inside"))).post("/", content=b"SELECT 1")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (500, "1002")
    assert "ZeroDivisionError" in answer.text
    assert "inside" not in answer.text


def test_a_fault_also_reaches_the_server_which_logs_it() -> None:
    app = create_app(Interface(FakeStore(fail(ZeroDivisionError("inside"))), Workers(1), Gate()))
    with pytest.raises(ZeroDivisionError):
        TestClient(app, base_url="http://127.0.0.1").post("/", content=b"SELECT 1")


def test_a_body_above_the_limit_is_413_in_one_sentence() -> None:
    for content in (b"x" * (LIMIT + 1), iter([b"x" * LIMIT, b"x"])):
        answer = client(say(b"")).post("/", content=content)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (413, "229")
        assert "larger than the limit of 1,000 bytes" in answer.text
    assert client(say(b"")).post("/", content=b"x" * LIMIT).status_code == 200


@pytest.mark.parametrize(
    ("auth", "status"),
    [(None, 401), (("default", "wrong"), 403), (("root", "secret"), 403), (("default", "secret"), 200)],
)
def test_a_password_is_asked_for(auth: tuple[str, str] | None, status: int) -> None:
    params = dict(zip(("user", "password"), auth, strict=True)) if auth else {}
    answer = client(say(b"1\n"), Gate(password="secret")).post("/", params=params, content=b"SELECT 1")
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["x-clickhouse-exception-code"] == "516"
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_pieces_are_sent_as_they_come_and_an_error_ends_them() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"1\n"
        yield b"2\n"
        raise ClickHouseError(395, "threw", name="FUNCTION_THROW_IF_VALUE_IS_NON_ZERO")

    answer = client(lambda _: Reply(pieces=pieces())).post("/", content=b"SELECT 1")
    tag = answer.headers["x-clickhouse-exception-tag"]
    message = "Code: 395. DB::Exception: threw. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.9 (official build))\n"
    trailer = f"\r\n__exception__\r\n{tag}\r\n{message}{len(message)} {tag}\r\n__exception__\r\n"
    assert answer.status_code == 200
    assert answer.text == "1\n2\n" + trailer


def test_answers_are_compressed_only_when_asked_twice() -> None:
    long = b"0123456789" * 200
    plain = client(say(long)).post("/", content=b"SELECT 1", headers={"accept-encoding": "gzip"})
    packed = client(say(long)).post(
        "/", params={"enable_http_compression": "1"}, content=b"SELECT 1", headers={"accept-encoding": "gzip"}
    )
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content == long
