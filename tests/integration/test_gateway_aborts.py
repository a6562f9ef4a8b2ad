"""The caller leaves: the provider is let go at once, and what was produced is recorded."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import anthropic
import openai
import pytest

from gateway_shim.aborting import AbortPolicy, read_rules
from tests.fixtures.callers import Caller
from tests.fixtures.gateway import RunningGateway
from tests.fixtures.gateway_calls import EVENTS, STREAM_BODY, setting
from tests.fixtures.providers import SimulatedProviders, simulate
from tests.fixtures.upstream import answer, hang, stream

pytestmark = pytest.mark.integration
ALL_CANCELLED = AbortPolicy(read_rules("*=cancel", "X"))


@pytest.mark.parametrize("resets", [False, True])
def test_leaving_while_waiting_cancels_the_call(tmp_path: Path, resets: bool) -> None:
    with setting(tmp_path, hang, aborts=ALL_CANCELLED) as (gateway, upstream):
        caller = Caller(gateway, b'{"model":"gpt-4o","messages":[{"content":"12345678"}]}')
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave(resets)
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert (finished.outcome, finished.http_status, finished.error_type) == (
            "aborted",
            499,
            "client_closed",
        )
        assert finished.is_estimated
        assert finished.usage is not None
        assert (finished.usage.input_tokens, finished.usage.output_tokens) == (2 + 7, 0)
        assert finished.ttft_ms is None


@pytest.mark.parametrize("resets", [False, True])
def test_leaving_in_mid_stream_cancels_the_call_and_counts_what_was_produced(
    tmp_path: Path, resets: bool
) -> None:
    text = b'data: {"choices":[{"delta":{"content":"abcdefgh"}}]}\n\n'
    with setting(tmp_path, stream([text] * 3, hangs=True)) as (gateway, upstream):
        caller = Caller(gateway, STREAM_BODY)
        received = b""
        while received.count(b"abcdefgh") < 3:
            received += caller.read_until(b"\n\n")
        caller.leave(resets)
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert (finished.outcome, finished.http_status, finished.error_type) == (
            "aborted",
            200,
            "client_closed",
        )
        assert finished.is_estimated
        assert finished.usage is not None
        assert finished.usage.output_tokens == 6


def test_usage_that_was_told_before_is_kept(tmp_path: Path) -> None:
    begin = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-x",'
        b'"usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":1}}}\n\n'
    )
    text = b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"abcdefghijkl"}}\n\n'
    with setting(tmp_path, stream([begin, text], hangs=True)) as (gateway, upstream):
        caller = Caller(gateway, STREAM_BODY, "/anthropic/v1/messages")
        caller.read_until(b"abcdefghijkl")
        caller.leave()
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert finished.usage is not None
        assert (finished.usage.input_tokens, finished.usage.cache_read_tokens) == (100, 90)
        assert finished.usage.output_tokens == 3
        assert (finished.is_estimated, finished.response_model, finished.response_id) == (
            True,
            "claude-x",
            "msg_1",
        )


def test_leaving_after_the_end_is_no_abort(tmp_path: Path) -> None:
    with setting(tmp_path, stream(EVENTS, hangs=True)) as (gateway, _):
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"[DONE]")
        caller.leave()
        finished = gateway.only_call()
        assert (finished.outcome, finished.is_estimated, finished.error_type) == ("ok", False, "")


def test_the_usage_of_an_answer_that_is_over_is_waited_for(tmp_path: Path) -> None:
    has_left = threading.Event()

    async def usage_after_the_caller_has_left(writer: asyncio.StreamWriter) -> None:
        await stream(EVENTS[:2], ends=False, closes=False)(writer)
        await asyncio.to_thread(has_left.wait, 10)
        for event in EVENTS[2:]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        writer.write(b"0\r\n\r\n")

    with setting(tmp_path, usage_after_the_caller_has_left) as (gateway, _):
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b'"finish_reason":"stop"')
        caller.leave()
        gateway.wait_until(lambda: gateway.connections() == 0, "the gateway knows")
        has_left.set()
        finished = gateway.only_call()
        assert (finished.outcome, finished.is_estimated) == ("ok", False)
        assert finished.usage is not None
        assert finished.usage.output_tokens == 6


def test_the_providers_see_it_too(gateway: RunningGateway, simulated_providers: SimulatedProviders) -> None:
    slow = simulate(chunks=1000, chunk_delay_s=0.01, output_tokens=4000)
    with openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key, max_retries=0) as client:
        chat = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True, extra_headers=slow
        )
        for _ in range(5):
            next(iter(chat))
        chat.close()
    with (
        anthropic.Anthropic(
            base_url=f"{gateway.url}/anthropic", api_key=gateway.key, max_retries=0
        ) as claude,
        claude.messages.stream(
            model="claude-haiku-4-5",
            max_tokens=4000,
            messages=[{"role": "user", "content": "x"}],
            extra_headers=slow,
        ) as events,
    ):
        next(iter(events.text_stream))
    served = simulated_providers.wait_for(lambda calls: len(calls) == 2)
    assert {(call.outcome, call.aborted_by) for call in served} == {("aborted", "client")}
    for finished, call in zip(gateway.finished(2), served, strict=True):
        assert (finished.outcome, finished.is_estimated) == ("aborted", True)
        assert finished.usage is not None
        assert finished.usage.output_tokens < 400
        assert finished.call.provider == call.provider


def test_a_caller_who_stays_is_not_aborted(tmp_path: Path) -> None:
    with setting(tmp_path, answer(b'{"usage":{"prompt_tokens":1,"completion_tokens":1}}')) as (gateway, _):
        caller = Caller(gateway, b'{"model":"gpt-4o"}')
        caller.read_until(b"}}")
        assert gateway.only_call().outcome == "ok"
        caller.leave()


def test_what_is_on_its_way_when_the_gateway_stops_is_recorded(tmp_path: Path) -> None:
    text = b'data: {"choices":[{"delta":{"content":"abcdefgh"}}]}\n\n'
    with setting(tmp_path, stream([text] * 3, hangs=True)) as (gateway, upstream):
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"abcdefgh")
        gateway.server.should_exit = True
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert (finished.outcome, finished.is_estimated) == ("aborted", True)
        caller.leave()
