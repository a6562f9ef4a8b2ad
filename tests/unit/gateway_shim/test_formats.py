"""What is learnt from streams, event by event, and from streams that break off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway_shim.answer_reading import EventReader, read_whole
from gateway_shim.formats.answer import Answer, Asked, Format
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.gemini_content import GEMINI_STREAM
from gateway_shim.formats.openai_chat import GEMINI_AS_OPENAI, MISTRAL_CHAT, OPENAI_CHAT
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import GEMINI_EMBEDDINGS, other
from gateway_shim.settlement import settle_at_once, stream_outcome
from ingest.events.calls import Outcome
from ingest.usage import TokenUsage

REQUEST = b'{"messages":[{"role":"user","content":"' + b"x" * 40 + b'"}]}'  # 10 tokens, and 7 around them


def chat(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return {"id": "c-1", "model": "m-1", "choices": [choice]} | more


def played(format: Format, events: list[Any]) -> Answer:
    answer = Answer()
    reader = EventReader(answer, format)
    for event in events:
        reader.feed(b"data: " + (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n\n")
    reader.end()
    return answer


USAGE = {"prompt_tokens": 7, "completion_tokens": 9}
STREAMS: dict[str, tuple[Format, list[Any], TokenUsage]] = {
    "openai": (
        OPENAI_CHAT,
        [
            chat("Hi", usage=None),
            chat(finish="stop", usage=None),
            {"choices": [], "usage": USAGE, "service_tier": "flex"},
            b"[DONE]",
        ],
        TokenUsage(input_tokens=7, output_tokens=9),
    ),
    "mistral": (
        MISTRAL_CHAT,
        [chat("Hi"), chat("", "stop", usage=USAGE), b"[DONE]"],
        TokenUsage(input_tokens=7, output_tokens=9),
    ),
    "gemini as openai, which counts along and hides its thoughts": (
        GEMINI_AS_OPENAI,
        [
            chat("Hi", usage={"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 12}),
            chat(finish="stop", usage={"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 17}),
        ],
        TokenUsage(input_tokens=7, output_tokens=10, reasoning_tokens=6),
    ),
    "responses": (
        OPENAI_RESPONSES,
        [
            {"type": "response.created", "response": {"id": "r-1", "model": "m-1", "usage": None}},
            {"type": "response.output_text.delta", "delta": "Hi"},
            {"type": "response.output_text.done", "text": "Hi"},
            {
                "type": "response.completed",
                "response": {
                    "id": "r-1",
                    "model": "m-1",
                    "status": "completed",
                    "service_tier": "flex",
                    "usage": {"input_tokens": 7, "output_tokens": 9},
                },
            },
        ],
        TokenUsage(input_tokens=7, output_tokens=9),
    ),
    "anthropic: totals replace, and what is not said again stays": (
        ANTHROPIC_MESSAGES,
        [
            {
                "type": "message_start",
                "message": {
                    "id": "msg-1",
                    "model": "m-1",
                    "usage": {
                        "input_tokens": 5,
                        "cache_read_input_tokens": 100,
                        "cache_creation_input_tokens": 10,
                        "output_tokens": 2,
                        "service_tier": "priority",
                    },
                },
            },
            {"type": "ping"},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ],
        TokenUsage(input_tokens=115, cache_read_tokens=100, cache_write_tokens=10, output_tokens=9),
    ),
    "gemini": (
        GEMINI_STREAM,
        [
            {
                "candidates": [{"content": {"parts": [{"text": "Hi"}]}}],
                "modelVersion": "m-1",
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1},
            },
            {
                "candidates": [{"finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 4, "thoughtsTokenCount": 5},
            },
        ],
        TokenUsage(input_tokens=7, output_tokens=9, reasoning_tokens=5),
    ),
    "image generation": (
        other("images/generations"),
        [
            {"type": "image_generation.partial_image", "b64_json": "x"},
            {"type": "image_generation.completed", "usage": {"input_tokens": 7, "output_tokens": 9}},
        ],
        TokenUsage(input_tokens=7, output_tokens=9),
    ),
}


@pytest.mark.parametrize("name", list(STREAMS))
def test_a_stream_to_its_end(name: str) -> None:
    format, events, usage = STREAMS[name]
    answer = played(format, events)
    assert stream_outcome(answer) is Outcome.OK
    settled = settle_at_once(format, Outcome.OK, answer, REQUEST)
    assert (settled.usage, settled.is_estimated) == (usage, False)
    if name != "image generation":
        assert answer.model == "m-1"


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "image generation"])
def test_a_stream_that_breaks_off_before_its_usage(name: str) -> None:
    format, events, whole = STREAMS[name]
    cut = next(n for n, event in enumerate(events) if "Hi" in str(event)) + 1
    answer = played(format, events[:cut])
    assert stream_outcome(answer) is Outcome.ABORTED
    settled = settle_at_once(format, Outcome.ABORTED, answer, REQUEST)
    assert settled.is_estimated
    assert settled.usage is not None
    # What the provider has said of the input holds; otherwise it is the request's length.
    said = name.startswith(("anthropic", "gemini"))
    assert settled.usage.input_tokens == (whole.input_tokens if said else 17)
    assert settled.usage.cache_read_tokens == (whole.cache_read_tokens if said else 0)
    assert 1 <= settled.usage.output_tokens <= 6


@pytest.mark.parametrize(
    ("format", "event", "word"),
    [
        (OPENAI_CHAT, {"error": {"type": "server_error"}}, "server_error"),
        (OPENAI_RESPONSES, {"type": "error", "code": "rate_limited"}, "rate_limited"),
        (
            OPENAI_RESPONSES,
            {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}},
            "server_error",
        ),
        (ANTHROPIC_MESSAGES, {"type": "error", "error": {"type": "overloaded_error"}}, "overloaded_error"),
        (GEMINI_STREAM, {"error": {"status": "UNAVAILABLE"}}, "UNAVAILABLE"),
    ],
)
def test_an_error_within_a_stream_is_no_good_end(format: Format, event: dict[str, Any], word: str) -> None:
    answer = played(format, [event])
    assert answer.error_type == word
    assert stream_outcome(answer) is Outcome.ERROR  # nothing came before it
    answer.add_text("Hi")
    assert stream_outcome(answer) is Outcome.ABORTED


def test_text_of_every_kind_counts_for_an_estimate() -> None:
    openai = played(
        OPENAI_CHAT,
        [
            chat("12345678"),
            {
                "choices": [
                    {
                        "delta": {
                            "reasoning_content": "1234",
                            "tool_calls": [{"function": {"arguments": "1234"}}],
                        }
                    }
                ]
            },
            {"choices": [{"delta": {"content": [{"thinking": [{"text": "1234"}]}, {"text": "é"}]}}]},
        ],
    )
    assert openai.text.total_bytes == 8 + 4 + 4 + 4 + 2
    anthropic = played(
        ANTHROPIC_MESSAGES,
        [
            {"type": "content_block_delta", "delta": {"thinking": "1234"}},
            {"type": "content_block_delta", "delta": {"partial_json": "1234"}},
        ],
    )
    assert anthropic.text.total_bytes == 8


def test_whole_answers() -> None:
    answer = Answer()
    read_whole(answer, OPENAI_RESPONSES, b'{"id":"r","status":"queued","model":"m","usage":null}', "")
    assert (answer.response_id, answer.is_over, answer.has_final_usage) == ("r", False, False)
    answer = Answer()
    read_whole(answer, GEMINI_EMBEDDINGS, b'{"embedding":{},"usageMetadata":{"promptTokenCount":3}}', "")
    settled = settle_at_once(GEMINI_EMBEDDINGS, Outcome.OK, answer, REQUEST)
    assert settled.usage == TokenUsage(input_tokens=3)


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[1]", b'"x"', b'{"usage":[],"id":5,"choices":{}}', b"\xff"]
)
def test_an_answer_in_no_known_shape_tells_nothing(body: bytes) -> None:
    for format in (OPENAI_CHAT, ANTHROPIC_MESSAGES, GEMINI_STREAM, OPENAI_RESPONSES):
        answer = Answer()
        read_whole(answer, format, body, "")
        assert (answer.usage, answer.model, answer.response_id) == (None, "", "")
        played(format, [body])


@pytest.mark.parametrize(
    ("format", "body", "limit"),
    [
        (OPENAI_CHAT, {"max_tokens": 5}, 5),
        (OPENAI_CHAT, {"max_completion_tokens": 7, "max_tokens": 5, "n": 3}, 21),
        (OPENAI_CHAT, {"max_tokens": True}, None),
        (OPENAI_CHAT, {}, None),
        (OPENAI_RESPONSES, {"max_output_tokens": 9}, 9),
        (ANTHROPIC_MESSAGES, {"max_tokens": 9}, 9),
        (GEMINI_STREAM, {"generationConfig": {"maxOutputTokens": 9, "candidateCount": 2}}, 18),
        (GEMINI_STREAM, {"generation_config": {"max_output_tokens": 9}}, 9),
        (GEMINI_STREAM, {}, None),
        (GEMINI_EMBEDDINGS, {}, 0),
    ],
)
def test_the_most_that_a_request_allows(format: Format, body: dict[str, Any], limit: int | None) -> None:
    assert format.output_limit(Asked(body=body)) == limit


def test_nothing_to_go_by_is_none_and_errors_cost_nothing() -> None:
    assert settle_at_once(OPENAI_CHAT, Outcome.OK, Answer(), b"\xff").usage is None
    answer = played(OPENAI_CHAT, STREAMS["openai"][1])
    assert settle_at_once(OPENAI_CHAT, Outcome.ERROR, answer, REQUEST).usage is None
    assert settle_at_once(OPENAI_CHAT, Outcome.REFUSED, answer, REQUEST).usage is None
