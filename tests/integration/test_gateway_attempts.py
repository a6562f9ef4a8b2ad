"""Retries within an SDK are calls of their own: each is recorded once, with its number, and costs what it has cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as gemini
from mistralai.client import Mistral
from mistralai.client.models import UserMessage
from mistralai.client.utils import BackoffStrategy, RetryConfig

from ingest.events.calls import CallFinished, CallStarted
from ingest.usage import TokenUsage
from tests.fixtures.callers import answers_once, one_after_another
from tests.fixtures.gateway import RunningGateway
from tests.fixtures.gateway_calls import EVENTS, ask, setting
from tests.fixtures.upstream import Play, ScriptedUpstream, answer, drop, hang, stream

pytestmark = pytest.mark.integration

CHAT = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-x","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
)
MESSAGE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Hi"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":4}}'
)
CANDIDATE = (
    b'{"modelVersion":"gemini-x","candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],'
    b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}}'
)
USED = TokenUsage(input_tokens=3, output_tokens=4)
SOON = "retry-after-ms: 1\r\ncontent-type: application/json\r\n"
BUSY = answer(b'{"error":{"type":"rate_limit_error","message":"slow down"}}', "429 Too Many", SOON)
FAILS = answer(b'{"error":{"type":"server_error","message":"oh"}}', "500 Oh", SOON)


def ask_openai(gateway: RunningGateway) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key, max_retries=2) as client:
        said = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert said.choices[0].message.content == "Hi"


def ask_anthropic(gateway: RunningGateway) -> None:
    with anthropic.Anthropic(
        base_url=f"{gateway.url}/anthropic", api_key=gateway.key, max_retries=2
    ) as client:
        client.messages.create(model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "x"}])


def ask_mistral(gateway: RunningGateway) -> None:
    retries = RetryConfig("backoff", BackoffStrategy(1, 2, 1.0, 10_000), True)
    with Mistral(api_key=gateway.key, server_url=f"{gateway.url}/mistral", retry_config=retries) as client:
        client.chat.complete(model="mistral-small-latest", messages=[UserMessage(content="x")])


def ask_gemini(gateway: RunningGateway) -> None:
    options = gemini.HttpOptions(
        base_url=f"{gateway.url}/gemini",
        retry_options=gemini.HttpRetryOptions(attempts=3, initial_delay=0.001, max_delay=0.002),
    )
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        client.models.generate_content(model="gemini-2.5-flash", contents="x")


def attempts(calls: list[CallFinished]) -> list[int]:
    return [finished.call.attempt for finished in calls]


def started(gateway: RunningGateway) -> list[CallStarted]:
    return [event for event in gateway.calls() if isinstance(event, CallStarted)]


FAILURES: dict[str, tuple[Play, tuple[str, int]]] = {
    "500": (FAILS, ("error", 500)),
    "429": (BUSY, ("error", 429)),
    "dropped": (drop, ("error", 502)),
    "silent": (hang, ("aborted", 504)),
}
SDKS: dict[str, tuple[Callable[[RunningGateway], None], bytes, bool]] = {
    "openai": (ask_openai, CHAT, True),
    "anthropic": (ask_anthropic, MESSAGE, True),
    "mistral": (ask_mistral, CHAT, False),
    "gemini": (ask_gemini, CANDIDATE, False),
}


@contextmanager
def impatient(tmp_path: Path, *plays: Play) -> Iterator[tuple[RunningGateway, ScriptedUpstream]]:
    """A gateway that gives a silent provider little time."""
    with setting(tmp_path, one_after_another(*plays), upstream_timeout_s=1.0) as made:
        yield made


@pytest.mark.parametrize("failure", list(FAILURES))
@pytest.mark.parametrize("sdk", list(SDKS))
def test_a_call_that_fails_once_is_two_calls(tmp_path: Path, sdk: str, failure: str) -> None:
    work, reply, says_attempt = SDKS[sdk]
    play, (outcome, status) = FAILURES[failure]
    with impatient(tmp_path, play, answer(reply)) as (gateway, upstream):
        work(gateway)
        first, second = gateway.finished(2)
        assert (first.outcome, first.http_status) == (outcome, status)
        # A provider that was silent had the prompt, and may bill it; the others say themselves that they did not answer.
        assert (first.usage is not None) == first.is_estimated == (failure == "silent")
        assert (second.outcome, second.http_status, second.usage) == ("ok", 200, USED)
        assert attempts([first, second]) == ([0, 1] if says_attempt else [0, 0])
        assert len(upstream.sent) == 2
        assert len({first.call.call_id, second.call.call_id}) == 2
        assert [event.call for event in started(gateway)] == [first.call, second.call]


def test_every_attempt_has_its_number(tmp_path: Path) -> None:
    with impatient(tmp_path, BUSY, FAILS, answer(CHAT)) as (gateway, _):
        ask_openai(gateway)
        calls = gateway.finished(3)
        assert attempts(calls) == [0, 1, 2]
        assert [finished.usage for finished in calls] == [None, None, USED]


def test_a_call_that_never_succeeds_costs_nothing(tmp_path: Path) -> None:
    with impatient(tmp_path, FAILS) as (gateway, _):
        with pytest.raises(openai.InternalServerError):
            ask_openai(gateway)
        calls = gateway.finished(3)
        assert attempts(calls) == [0, 1, 2]
        assert {finished.usage for finished in calls} == {None}


def test_a_stream_that_is_dropped_midway_is_charged_and_so_is_its_repetition(tmp_path: Path) -> None:
    """SDKs do not repeat a stream that had begun; the application does, which is a logical call of its own."""
    with impatient(tmp_path, stream(EVENTS[:1], ends=False), stream(EVENTS)) as (gateway, _):
        with openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key, max_retries=2) as client:

            def read() -> list[Any]:
                said = client.chat.completions.create(
                    model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
                )
                return list(said)

            with pytest.raises(openai.APIConnectionError):
                read()
            read()
        dropped, whole = gateway.finished(2)
        assert (dropped.outcome, dropped.error_type, dropped.is_estimated) == (
            "aborted",
            "upstream_broke",
            True,
        )
        assert dropped.usage is not None
        assert dropped.usage.output_tokens == 1
        assert (whole.outcome, whole.is_estimated) == ("ok", False)
        assert attempts([dropped, whole]) == [0, 0]


def test_a_client_that_gives_up_waiting_and_tries_again_pays_for_what_the_provider_did(
    tmp_path: Path,
) -> None:
    go = threading.Event()
    slow = answers_once(go, answer(CHAT))
    with setting(tmp_path, one_after_another(slow, answer(CHAT))) as (gateway, upstream):
        with openai.OpenAI(
            base_url=f"{gateway.url}/openai/v1", api_key=gateway.key, max_retries=1, timeout=1.0
        ) as client:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
        go.set()
        by_attempt = {finished.call.attempt: finished for finished in gateway.finished(2)}
        assert (by_attempt[0].outcome, by_attempt[0].error_type, by_attempt[0].usage) == (
            "aborted",
            "client_closed",
            USED,
        )
        assert (by_attempt[1].outcome, by_attempt[1].usage) == ("ok", USED)
        assert not by_attempt[0].is_estimated
        assert not upstream.hung_up.is_set()


@pytest.mark.parametrize("header", ["attempt=2; max=3", "ttl=20261124T101112Z; attempt=2; max=3"])
def test_the_attempt_of_an_aws_sdk_is_read(tmp_path: Path, header: str) -> None:
    with setting(tmp_path, answer(CHAT)) as (gateway, _):
        assert ask(gateway, headers={"amz-sdk-request": header})[0] == 200
        assert gateway.only_call().call.attempt == 1


def test_the_size_of_the_request_is_on_the_record_from_the_start(tmp_path: Path) -> None:
    body = b'{"model":"gpt-4o","messages":[],"x":"' + b"y" * 1000 + b'"}'
    with setting(tmp_path, answer(CHAT)) as (gateway, _):
        assert ask(gateway, body=body)[0] == 200
        gateway.only_call()
        assert [event.call.request_bytes for event in gateway.calls()] == [len(body)] * 2
