"""Our walk over genai-prices' definitions finds what genai-prices finds, and what it gives is always consistent."""

from __future__ import annotations

from typing import Any

import pytest
from genai_prices.types import ArrayMatch
from hypothesis import given, settings, strategies as st

from gateway_shim.extractors import extractor_of
from gateway_shim.formats.answer import Format
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.gemini_content import GEMINI_GENERATE
from gateway_shim.formats.openai_chat import ANTHROPIC_AS_OPENAI, GEMINI_AS_OPENAI, MISTRAL_CHAT, OPENAI_CHAT
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import EMBEDDINGS
from gateway_shim.usage_reading import _COUNTS, read_usage
from ingest.usage import check_usage

FORMATS = {
    "openai chat": OPENAI_CHAT,
    "openai responses": OPENAI_RESPONSES,
    "embeddings": EMBEDDINGS,
    "anthropic": ANTHROPIC_MESSAGES,
    "anthropic as openai": ANTHROPIC_AS_OPENAI,
    "mistral": MISTRAL_CHAT,
    "gemini": GEMINI_GENERATE,
    "gemini as openai": GEMINI_AS_OPENAI,
}
# Counts that are a part of one whole only, which genai-prices does not check.
WHOLES = {
    "cache_read_tokens": "input_tokens",
    "audio_input_tokens": "input_tokens",
    "image_input_tokens": "input_tokens",
    "video_input_tokens": "input_tokens",
    "reasoning_tokens": "output_tokens",
    "audio_output_tokens": "output_tokens",
    "image_output_tokens": "output_tokens",
    "video_output_tokens": "output_tokens",
}


def _usage_of(format: Format, counts: list[int | None]) -> dict[str, Any]:
    """A usage object in which each place that the definition names has one of `counts`, or is absent."""
    assert format.extractor is not None
    usage: dict[str, Any] = {}
    paths = {
        (m.path,) if isinstance(m.path, str) else tuple(_hashable(step) for step in m.path): m
        for m in extractor_of(*format.extractor).mappings
    }
    for mapping, count in zip(paths.values(), counts, strict=False):
        if count is not None:
            _put(usage, [mapping.path] if isinstance(mapping.path, str) else list(mapping.path), count)
    return usage


def _hashable(step: str | ArrayMatch) -> object:
    return step if isinstance(step, str) else repr(step)


def _put(node: dict[str, Any], path: list[Any], count: int) -> None:
    match path:
        case [str(name)]:
            node[name] = count
        case [str(name), ArrayMatch() as choice, *rest]:
            inner: dict[str, Any] = {choice.field: choice.match.equals}  # type: ignore[union-attr]
            _put(inner, rest, count)
            node.setdefault(name, []).append(inner)
        case [str(name), *rest]:
            _put(node.setdefault(name, {}), rest, count)


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=40)
@given(counts=st.lists(st.none() | st.integers(0, 3000), min_size=40, max_size=40))
def test_the_counts_are_those_of_genai_prices(name: str, counts: list[int | None]) -> None:
    format = FORMATS[name]
    assert format.extractor is not None
    usage = _usage_of(format, counts)
    ours = read_usage(format, usage)
    try:
        _, theirs = extractor_of(*format.extractor).extract({format.usage_root: usage})
    except ValueError:
        # Theirs wants at least one count; a Gemini usage without any is a count of zero.
        assert ours is None or ours.total_tokens == 0
        return
    assert ours is not None
    check_usage(ours)
    found = vars(theirs)
    for unit in ("input_tokens", "output_tokens", "web_searches"):
        assert getattr(ours, _COUNTS[unit]) == found.get(unit, 0)
    for unit, count in _COUNTS.items():
        assert getattr(ours, count) <= found.get(unit, 0)
        if count in WHOLES:
            assert getattr(ours, count) == min(found.get(unit, 0), found.get(WHOLES[count], 0))


junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(
    ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "promptTokenCount", "cache_creation",
     "prompt_tokens_details", "promptTokensDetails", "totalTokenCount", "server_tool_use"]
)  # fmt: skip


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=40)
@given(usage=st.dictionaries(names, junk, max_size=6))
def test_nonsense_is_no_usage_and_no_error(name: str, usage: dict[str, Any]) -> None:
    read = read_usage(FORMATS[name], usage)
    if read is not None:
        check_usage(read)
