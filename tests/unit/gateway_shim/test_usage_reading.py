"""Usage objects as the providers document them, and what they mean here."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_shim.formats.answer import Format
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.gemini_content import GEMINI_GENERATE
from gateway_shim.formats.openai_chat import MISTRAL_CHAT, OPENAI_CHAT
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import EMBEDDINGS, other
from gateway_shim.usage_reading import read_usage
from ingest.usage import TokenUsage

GOLDEN: dict[str, tuple[Format, dict[str, Any], TokenUsage]] = {
    "openai chat: cached and audio within the prompt, reasoning within the completion": (
        OPENAI_CHAT,
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 20},
            "completion_tokens_details": {
                "reasoning_tokens": 100,
                "audio_tokens": 5,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        TokenUsage(
            input_tokens=2006,
            cache_read_tokens=1920,
            audio_input_tokens=20,
            output_tokens=300,
            reasoning_tokens=100,
            audio_output_tokens=5,
        ),
    ),
    "openai responses": (
        OPENAI_RESPONSES,
        {
            "input_tokens": 81,
            "input_tokens_details": {"cached_tokens": 64},
            "output_tokens": 1035,
            "output_tokens_details": {"reasoning_tokens": 832},
            "total_tokens": 1116,
        },
        TokenUsage(input_tokens=81, cache_read_tokens=64, output_tokens=1035, reasoning_tokens=832),
    ),
    "openai embeddings": (EMBEDDINGS, {"prompt_tokens": 8, "total_tokens": 8}, TokenUsage(input_tokens=8)),
    "anthropic: cache beside the input, its writes by how long they last": (
        ANTHROPIC_MESSAGES,
        {
            "input_tokens": 50,
            "cache_creation_input_tokens": 556,
            "cache_read_input_tokens": 1000,
            "cache_creation": {"ephemeral_5m_input_tokens": 456, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 503,
            "server_tool_use": {"web_search_requests": 2},
            "service_tier": "standard",
        },
        TokenUsage(
            input_tokens=1606,
            cache_read_tokens=1000,
            cache_write_tokens=556,
            cache_write_1h_tokens=100,
            output_tokens=503,
            web_searches=2,
        ),
    ),
    "mistral": (
        MISTRAL_CHAT,
        {"prompt_tokens": 25, "completion_tokens": 106, "total_tokens": 131},
        TokenUsage(input_tokens=25, output_tokens=106),
    ),
    "gemini: thoughts beside the candidates, tool use beside the prompt": (
        GEMINI_GENERATE,
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 30,
            "candidatesTokenCount": 40,
            "thoughtsTokenCount": 60,
            "toolUsePromptTokenCount": 7,
            "totalTokenCount": 207,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 90},
                {"modality": "AUDIO", "tokenCount": 10},
            ],
        },
        TokenUsage(
            input_tokens=107,
            cache_read_tokens=30,
            audio_input_tokens=10,
            output_tokens=100,
            reasoning_tokens=60,
        ),
    ),
    "gemini: zeros are left out": (GEMINI_GENERATE, {"totalTokenCount": 0}, TokenUsage()),
    "transcriptions, by their members' names": (
        other("audio/transcriptions"),
        {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59},
        TokenUsage(input_tokens=14, output_tokens=45),
    ),
    "an unknown API in OpenAI's words": (
        other("rerank"),
        {"prompt_tokens": 9, "total_tokens": 9},
        TokenUsage(input_tokens=9),
    ),
}


@pytest.mark.parametrize("name", list(GOLDEN))
def test_what_a_usage_means(name: str) -> None:
    format, usage, expected = GOLDEN[name]
    assert read_usage(format, usage) == expected


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": 5},
        {"prompt_tokens": "5", "completion_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 1},
    ],
)
def test_a_usage_without_its_counts_is_none(usage: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert read_usage(OPENAI_CHAT, usage) is None
    assert "has no count" in caplog.text


def test_a_part_above_its_whole_is_cut_and_said(caplog: pytest.LogCaptureFixture) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 12}}
    assert read_usage(OPENAI_CHAT, usage) == TokenUsage(
        input_tokens=10, cache_read_tokens=10, output_tokens=2
    )
    assert "contradict" in caplog.text
