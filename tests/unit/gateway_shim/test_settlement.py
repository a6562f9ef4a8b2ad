"""What a call is charged when its answer does not come to its end, and what users of other gateways ran into there.

Tests with a number are complaints of the field (`litellm` is BerriAI/litellm, `sub2api` is Wei-Shaw/sub2api).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway_shim.answer_reading import EventReader, read_whole
from gateway_shim.formats.answer import Answer, Format
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.gemini_content import GEMINI_STREAM
from gateway_shim.formats.openai_chat import OPENAI_CHAT
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import EMBEDDINGS
from gateway_shim.settlement import NOTHING, Settled, Unsettled, settle, settle_at_once, stream_outcome
from ingest.events.calls import Outcome
from ingest.usage import TokenUsage

REQUEST = json.dumps(
    {"messages": [{"role": "user", "content": "x" * 40}]}
).encode()  # 10 tokens and 7 around them


def played(format: Format, *events: dict[str, Any], ends: bool = False) -> Answer:
    answer = Answer()
    reader = EventReader(answer, format)
    for event in events:
        reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    if ends:
        reader.end()
    return answer


def aborted(format: Format, *events: dict[str, Any], request: bytes = REQUEST) -> Settled:
    return settle_at_once(format, Outcome.ABORTED, played(format, *events), request)


def chat(text: str = "", finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"delta": {"content": text}, "finish_reason": finish}]} | more


MESSAGE_START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude-x",
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 90,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 2,
            "service_tier": "priority",
        },
    },
}


def delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}


def test_litellm_33736_a_broken_off_stream_is_billed_for_what_it_produced() -> None:
    settled = aborted(OPENAI_CHAT, chat("abcdefgh"), chat("ijklmnop"))
    assert settled == Settled(TokenUsage(input_tokens=17, output_tokens=4), True)


def test_litellm_37734_a_partial_stream_costs_something_and_keeps_its_model() -> None:
    answer = played(OPENAI_CHAT, chat("abcdefgh"))
    settled = settle_at_once(OPENAI_CHAT, Outcome.ABORTED, answer, REQUEST)
    assert settled.usage is not None
    assert settled.usage.total_tokens == 17 + 2
    assert answer.model == "m-1"


def test_litellm_39088_and_31069_cache_classes_of_a_streams_beginning_are_kept() -> None:
    answer = played(ANTHROPIC_MESSAGES, MESSAGE_START, delta("abcdefghijkl"))
    assert settle_at_once(ANTHROPIC_MESSAGES, Outcome.ABORTED, answer, REQUEST) == Settled(
        TokenUsage(
            input_tokens=130,
            cache_read_tokens=90,
            cache_write_tokens=30,
            cache_write_1h_tokens=20,
            output_tokens=3,
        ),
        True,
    )
    assert (answer.model, answer.response_id, answer.service_tier) == ("claude-x", "msg_1", "priority")


def test_the_first_count_of_a_stream_announces_its_text_and_does_not_add_to_it() -> None:
    no_text_yet = aborted(ANTHROPIC_MESSAGES, MESSAGE_START)
    assert no_text_yet.usage is not None
    assert no_text_yet.usage.output_tokens == 2
    a_little = aborted(ANTHROPIC_MESSAGES, MESSAGE_START, delta("abcd"))
    assert a_little.usage is not None
    assert a_little.usage.output_tokens == 2


def gemini(text: str, output: int | None, thoughts: int = 0, **more: Any) -> dict[str, Any]:
    usage: dict[str, Any] = {"promptTokenCount": 50, "cachedContentTokenCount": 40}
    if output is not None:
        usage["candidatesTokenCount"] = output
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    candidate = {"content": {"parts": [{"text": text}]}}
    return {"modelVersion": "gemini-x", "candidates": [candidate], "usageMetadata": usage} | more


def test_a_running_count_is_taken_and_only_what_came_after_it_is_counted() -> None:
    last_counted = aborted(GEMINI_STREAM, gemini("abcdefgh", 5, 100), gemini("ijkl", 9, 120))
    assert last_counted.usage == TokenUsage(
        input_tokens=50, cache_read_tokens=40, output_tokens=129, reasoning_tokens=120
    )
    assert last_counted.is_estimated
    beyond = {"candidates": [{"content": {"parts": [{"text": "mnopqrst"}]}}]}
    then_not = aborted(GEMINI_STREAM, gemini("abcdefgh", 5, 100), gemini("ijkl", 9, 120), beyond)
    assert then_not.usage is not None
    assert then_not.usage.output_tokens == 129 + 2


@pytest.mark.parametrize(
    ("format", "body"),
    [
        (OPENAI_CHAT, {"usage": {"prompt_tokens": 0, "completion_tokens": 0}, "choices": [{"message": {"content": "x"}}]}),
        (OPENAI_CHAT, {"usage": {"prompt_tokens": 12, "completion_tokens": 0}, "choices": [{"message": {"content": "x"}}]}),
        (ANTHROPIC_MESSAGES, {"usage": {"input_tokens": 0, "output_tokens": 0}, "content": [{"text": "x" * 99}]}),
        (OPENAI_RESPONSES, {"status": "completed", "usage": {"input_tokens": 0, "output_tokens": 0}}),
        (EMBEDDINGS, {"usage": {"prompt_tokens": 0, "total_tokens": 0}}),
    ],
)  # fmt: skip
def test_litellm_37992_an_explicit_zero_is_a_count(format: Format, body: dict[str, Any]) -> None:
    answer = Answer()
    read_whole(answer, format, json.dumps(body).encode(), "")
    settled = settle(format, Outcome.OK, answer, REQUEST)
    assert isinstance(settled, Settled)
    assert not settled.is_estimated
    assert settled.usage is not None
    assert settled.usage.output_tokens == 0
    assert settled.usage.input_tokens == body["usage"].get("prompt_tokens", 0)


def test_litellm_37992_an_explicit_zero_at_a_streams_end_is_a_count() -> None:
    zero = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    answer = played(OPENAI_CHAT, chat("produced"), chat(finish="stop"), zero, ends=True)
    assert settle(OPENAI_CHAT, Outcome.OK, answer, REQUEST) == Settled(TokenUsage(), False)


def test_litellm_37992_a_usage_of_null_is_missing() -> None:
    answer = played(OPENAI_CHAT, chat("abcd", usage=None), chat(finish="stop", usage=None), ends=True)
    assert isinstance(settle(OPENAI_CHAT, Outcome.OK, answer, REQUEST), Unsettled)


def test_sub2api_4408_what_was_not_produced_is_not_billed() -> None:
    limited = json.dumps(
        {"max_tokens": 100_000, "messages": [{"role": "user", "content": "x" * 40}]}
    ).encode()
    before_any_answer = settle_at_once(OPENAI_CHAT, Outcome.ABORTED, Answer(), limited)
    assert before_any_answer == Settled(TokenUsage(input_tokens=17), True)


def test_litellm_13245_an_answer_that_was_read_on_has_the_providers_count() -> None:
    answer = Answer()
    read_whole(answer, OPENAI_CHAT, b'{"model":"m","usage":{"prompt_tokens":5,"completion_tokens":6}}', "")
    settled = settle(OPENAI_CHAT, Outcome.ABORTED, answer, REQUEST)
    assert settled == Settled(TokenUsage(input_tokens=5, output_tokens=6), False)


def test_an_error_within_a_stream_is_charged_for_what_came_before_it() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error"}}
    answer = played(ANTHROPIC_MESSAGES, MESSAGE_START, delta("abcdefghijkl"), error, ends=True)
    assert (stream_outcome(answer), answer.error_type) == (Outcome.ABORTED, "overloaded_error")
    settled = settle_at_once(ANTHROPIC_MESSAGES, Outcome.ABORTED, answer, REQUEST)
    assert settled.usage is not None
    assert (settled.is_estimated, settled.usage.output_tokens) == (True, 3)


def test_tool_calls_count_beside_an_estimate() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search"}}
    settled = aborted(
        OPENAI_RESPONSES,
        {"type": "response.output_item.done", "item": search},
        {"type": "response.output_text.delta", "delta": "abcdefgh"},
    )
    assert settled == Settled(TokenUsage(input_tokens=17, output_tokens=2, web_searches=1), True)


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.REFUSED])
def test_an_error_costs_nothing_whatever_was_sent(outcome: Outcome) -> None:
    answer = played(
        OPENAI_CHAT, chat("x"), {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    )
    assert settle(OPENAI_CHAT, outcome, answer, REQUEST) is NOTHING


def test_nothing_to_go_by_is_not_zero() -> None:
    assert settle_at_once(OPENAI_CHAT, Outcome.OK, Answer(), b"\xff") == Settled(None)
