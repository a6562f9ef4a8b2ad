"""Background responses: what they used is fetched when they are done, once, whoever else fetches them."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.events.calls import CallFinished, Outcome
from ingest.usage import TokenUsage
from tests.fixtures.gateway import RunningGateway, gateway_settings, running_gateway
from tests.fixtures.gateway_calls import ask
from tests.fixtures.upstream import Play, ScriptedUpstream, answer, scripted_upstream, stream

pytestmark = pytest.mark.integration

PATH = "/openai/v1/responses"
BODY = b'{"model":"gpt-4.1","background":true,"input":"' + b"word " * 100 + b'"}'
USAGE = {"input_tokens": 101, "output_tokens": 900, "total_tokens": 1001}


def response(status: str, **more: Any) -> bytes:
    body = {"id": "resp_1", "object": "response", "model": "gpt-4.1-2025-04-14", "status": status}
    return json.dumps({**body, "background": True, "usage": None, **more}).encode()


@contextmanager
def background(
    tmp_path: Path, created: Play, fetched: Callable[[int], Play]
) -> Iterator[tuple[RunningGateway, ScriptedUpstream]]:
    """`created` answers the POST, `fetched(n)` the n-th GET."""

    async def play(writer: asyncio.StreamWriter) -> None:
        gets = [request for request in upstream.sent if request.line.startswith("GET")]
        last = upstream.sent[-1]
        await (fetched(len(gets)) if last.line.startswith("GET") else created)(writer)

    with (
        scripted_upstream(created) as upstream,
        running_gateway(gateway_settings(tmp_path, upstream.url)) as gateway,
    ):
        upstream.play = play
        gateway.gateway.parts.deferred.first_s = 0.01
        yield gateway, upstream


def test_the_gateway_asks_until_it_is_done_and_charges_what_was_used(tmp_path: Path) -> None:
    def fetched(number: int) -> Play:
        match number:
            case 1:
                return answer(response("in_progress"))
            case 2:
                return answer(b"{}", "503 Service Unavailable")
            case _:
                return answer(response("completed", usage=USAGE, service_tier="flex"))

    with background(tmp_path, answer(response("queued")), fetched) as (gateway, upstream):
        status, _, content = ask(gateway, PATH, BODY)
        assert (status, content) == (200, response("queued"))
        finished = gateway.only_call()
        assert finished.usage == TokenUsage(input_tokens=101, output_tokens=900)
        assert (finished.outcome, finished.is_estimated) == (Outcome.OK, False)
        assert (finished.service_tier, finished.response_id) == ("flex", "resp_1")
        asked = upstream.sent[1]
        assert asked.line.split()[1] == "/openai/v1/responses/resp_1"
        assert asked.headers["authorization"] == "Bearer sk-provider-secret"
        status, _, _ = ask(gateway, f"{PATH}/resp_1", b"", method="GET")
        assert status == 200
        assert len(gateway.finished()) == 1, "fetching it is no call"


@pytest.mark.parametrize(
    ("last", "error_type", "usage"),
    [
        (answer(response("failed", error={"code": "server_error"}, usage=USAGE)), "server_error", (101, 900)),
        (answer(response("incomplete", usage=USAGE)), "", (101, 900)),
        (answer(response("cancelled")), "cancelled", None),
        (answer(b'{"error":{}}', "404 Not Found"), "background_not_seen", None),
    ],
    ids=["failed", "incomplete", "cancelled", "deleted"],
)
def test_however_it_ends(tmp_path: Path, last: Play, error_type: str, usage: tuple[int, int] | None) -> None:
    with background(tmp_path, answer(response("queued")), lambda _: last) as (gateway, _):
        ask(gateway, PATH, BODY)
        finished = gateway.only_call()
        assert finished.error_type == error_type
        assert finished.outcome is (Outcome.ABORTED if error_type else Outcome.OK)
        assert finished.usage is not None
        assert finished.is_estimated is (usage is None)
        if usage is None:
            assert finished.usage.input_tokens > 50, "the prompt was read, in all likelihood"
        else:
            assert (finished.usage.input_tokens, finished.usage.output_tokens) == usage


def test_a_background_stream_that_breaks_off_goes_on_at_the_provider(tmp_path: Path) -> None:
    created = {"type": "response.created", "response": json.loads(response("in_progress"))}
    broken = stream([b"data: " + json.dumps(created).encode() + b"\n\n"], ends=False)
    done = answer(response("completed", usage=USAGE))
    with background(tmp_path, broken, lambda _: done) as (gateway, _):
        with pytest.raises(http.client.IncompleteRead):
            ask(gateway, PATH, BODY.replace(b'"input"', b'"stream":true,"input"'))
        finished = gateway.only_call()
        assert finished.usage == TokenUsage(input_tokens=101, output_tokens=900)
        assert not finished.is_estimated


def test_a_gateway_that_stops_meanwhile_charges_the_prompt_as_an_estimate(tmp_path: Path) -> None:
    with (
        scripted_upstream(answer(response("queued"))) as upstream,
        running_gateway(gateway_settings(tmp_path, upstream.url)) as gateway,
    ):
        ask(gateway, PATH, BODY)
        assert not any(isinstance(event, CallFinished) for event in gateway.calls())
    (finished,) = [event for event in gateway.calls() if isinstance(event, CallFinished)]
    assert (finished.error_type, finished.is_estimated) == ("gateway_stopped", True)
