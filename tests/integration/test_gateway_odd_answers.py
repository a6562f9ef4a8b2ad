"""Answers in shapes that providers and servers of one's own have been seen to give: each is counted as it was meant."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ingest.events.calls import CallFinished
from tests.fixtures.callers import Caller, goes_on_once
from tests.fixtures.gateway_calls import CHAT, ask, setting
from tests.fixtures.upstream import Play, answer, stream

pytestmark = pytest.mark.integration
MESSAGES = [{"role": "user", "content": "hello"}]
REQUEST = {"model": "gpt-4o", "messages": MESSAGES}
COMPLETION = {
    "id": "c",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"content": "Hello world"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 19, "completion_tokens": 10},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello"}],
    "usage": {"input_tokens": 12, "cache_read_input_tokens": 4, "output_tokens": 9},
}


def events(*data: object) -> list[bytes]:
    return [b"data: %b\n\n" % json.dumps(one).encode() for one in data]


def chunk(delta: dict[str, Any], index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def recorded(home: Path, play: Play, body: dict[str, Any], path: str = CHAT) -> CallFinished:
    with setting(home, play) as (gateway, _):
        ask(gateway, path, json.dumps(body).encode())
        return gateway.only_call()


def counts(finished: CallFinished) -> tuple[str, int, int, bool]:
    usage = finished.usage
    assert usage is not None
    return finished.outcome, usage.input_tokens, usage.output_tokens, finished.is_estimated


@pytest.mark.parametrize("kind", ["", "text/plain", "text/json", "application/vnd.x+json; charset=utf-8"])
def test_a_whole_answer_is_read_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    header = f"content-type: {kind}\r\n" if kind else ""
    finished = recorded(tmp_path, answer(json.dumps(COMPLETION).encode(), headers=header), REQUEST)
    assert counts(finished) == ("ok", 19, 10, False)


def test_speech_of_no_declared_kind_is_counted_by_its_characters(tmp_path: Path) -> None:
    body = {"model": "tts-1", "input": "hello", "voice": "alloy"}
    finished = recorded(tmp_path, answer(b"\0" * 99, headers=""), body, "/openai/v1/audio/speech")
    assert finished.usage is not None
    assert (finished.usage.characters, finished.is_estimated) == (5, False)


def test_a_message_as_a_whole_where_a_stream_was_asked_for(tmp_path: Path) -> None:
    body = REQUEST | {"stream": True}
    finished = recorded(tmp_path, answer(json.dumps(MESSAGE).encode()), body, "/anthropic/v1/messages")
    assert counts(finished) == ("ok", 16, 9, False)


def test_changing_a_stored_completion_does_not_bill_it_again(tmp_path: Path) -> None:
    body = {"metadata": {"a": "b"}}
    finished = recorded(tmp_path, answer(json.dumps(COMPLETION).encode()), body, f"{CHAT}/chatcmpl-1")
    assert counts(finished) == ("ok", 0, 0, False)


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_error_with_status_200_costs_nothing_when_nothing_came_before(
    tmp_path: Path, is_stream: bool
) -> None:
    error = {"error": {"type": "overloaded", "message": "later"}}
    play = stream(events(error)) if is_stream else answer(json.dumps(error).encode())
    finished = recorded(tmp_path, play, REQUEST | {"stream": is_stream})
    assert (finished.outcome, finished.error_type, finished.usage) == ("error", "overloaded", None)


def test_an_empty_usage_is_none(tmp_path: Path) -> None:
    finished = recorded(tmp_path, answer(json.dumps(COMPLETION | {"usage": {}}).encode()), REQUEST)
    assert finished.is_estimated
    assert finished.usage is not None
    assert finished.usage.output_tokens > 0


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning": "long thoughts about cats"},
        {"reasoning_content": "long thoughts about cats"},
        {"function_call": {"name": "f", "arguments": '{"a": "long argument"}'}},
    ],
)
def test_what_was_produced_counts_by_every_name_it_has(tmp_path: Path, delta: dict[str, Any]) -> None:
    finished = recorded(tmp_path, stream(events(chunk(delta))), REQUEST | {"stream": True})
    assert counts(finished)[0] == "aborted"
    assert counts(finished)[2] >= 4


def test_one_of_several_choices_that_is_over_does_not_end_the_answer(tmp_path: Path) -> None:
    """vLLM, which counts along: the other choice's text comes after the count, and is beyond it."""
    told = events(
        chunk({"content": "a"}),
        chunk({"content": "b"}, 1),
        chunk({}, 0, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2}),
        chunk({"content": " and so on and on"}, 1),
    )
    body = json.dumps(REQUEST | {"stream": True, "n": 2}).encode()
    with setting(tmp_path, stream(told, hangs=True)) as (gateway, upstream):
        caller = Caller(gateway, body, "/vllm/v1/chat/completions")
        caller.read_until(b"so on")
        caller.leave()
        outcome, given, produced, is_estimated = counts(gateway.only_call())
        assert (outcome, given, is_estimated) == ("aborted", 7, True)
        assert produced > 2
        assert upstream.hung_up.wait(10)


def test_gemini_that_calls_every_chunk_the_last_is_read_on_to_its_end(tmp_path: Path) -> None:
    def piece(count: int) -> dict[str, Any]:
        usage = {"promptTokenCount": 10, "candidatesTokenCount": count, "totalTokenCount": 10 + count}
        candidate = {"content": {"parts": [{"text": "one"}]}, "finishReason": "STOP"}
        return {"candidates": [candidate], "usageMetadata": usage}

    go = threading.Event()
    play = goes_on_once(go, events(piece(1)), events(piece(5), piece(50)))
    with setting(tmp_path, play) as (gateway, _):
        path = "/gemini/v1beta/models/gemini-1.5-flash:streamGenerateContent?alt=sse"
        caller = Caller(gateway, b'{"contents":[]}', path)
        caller.read_until(b"one")
        caller.leave_and_be_missed()
        go.set()
        assert counts(gateway.only_call()) == ("ok", 10, 50, False)
