"""From a provider's answer to `TokenUsage`, by genai-prices' extractors and what they lack.

The extractors say where each count stands in a usage object and what adds up: cached and tool-use tokens are counted
into the input and thoughts into the output, as `TokenUsage` wants it. Only their definitions are used; the walk is our
own, since theirs takes 20 microseconds of every call (a property test compares the two). What stands beside the usage
object (calls of tools, images, seconds of audio) was counted by the `Format` while the answer passed. A provider's
count of zero is a count; only a usage that is not there is None.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from genai_prices.types import ArrayMatch

from gateway_shim.extractors import extractor_of
from gateway_shim.formats.answer import Answer, Format
from ingest.usage import TokenUsage

_LOG = logging.getLogger(__name__)

# genai-prices' unit -> our count. Its other units are either sums of these (text, tool-use tokens) or billed nowhere.
_COUNTS = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "input_audio_tokens": "audio_input_tokens",
    "cache_audio_read_tokens": "audio_cache_read_tokens",
    "input_image_tokens": "image_input_tokens",
    "cache_image_read_tokens": "image_cache_read_tokens",
    "input_video_tokens": "video_input_tokens",
    "output_tokens": "output_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "audio_output_tokens",
    "output_image_tokens": "image_output_tokens",
    "output_video_tokens": "video_output_tokens",
    "output_citation_tokens": "citation_tokens",
    "web_searches": "web_searches",
    "storage_searches": "file_searches",
    "code_executions": "code_executions",
    "input_document_pages": "pages",
    "input_annotated_document_pages": "annotated_pages",
    "audio_seconds": "audio_ms",
    "input_text_messages": "text_messages",
}
_FACTORS = {"audio_ms": 1000}
# A part comes after every whole of it, so that a cut whole cuts its parts.
_PARTS = (
    ("cache_read_tokens", "input_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("audio_input_tokens", "input_tokens"),
    ("image_input_tokens", "input_tokens"),
    ("video_input_tokens", "input_tokens"),
    ("audio_cache_read_tokens", "cache_read_tokens"),
    ("audio_cache_read_tokens", "audio_input_tokens"),
    ("image_cache_read_tokens", "cache_read_tokens"),
    ("image_cache_read_tokens", "image_input_tokens"),
    ("reasoning_tokens", "output_tokens"),
    ("audio_output_tokens", "output_tokens"),
    ("image_output_tokens", "output_tokens"),
    ("video_output_tokens", "output_tokens"),
    ("citation_tokens", "output_tokens"),
    ("annotated_pages", "pages"),
)

Step = str | ArrayMatch
Source = tuple[str, tuple[Step, ...], str, bool]
"""Our count, the way to the object that holds it, its name there, and whether it has to be there."""


def read_answer(format: Format, answer: Answer, request_body: bytes = b"") -> TokenUsage | None:
    """All that the answer says was used, its usage object and what was counted beside it; None: it says nothing."""
    said = read_usage(format, answer.usage) if answer.usage is not None else None
    beside = format.with_request(answer, request_body)
    if not beside:
        return said
    if said is None:
        return TokenUsage(**beside)
    return msgspec.structs.replace(said, **beside)


def read_others(format: Format, answer: Answer) -> tuple[tuple[str, TokenUsage], ...]:
    """(model, counts) of what other models have done within the call."""
    found = ((model, read_usage(format, usage)) for model, usage in format.other_models(answer))
    return tuple((model, counts) for model, counts in found if counts is not None)


def read_usage(format: Format, usage: Mapping[str, Any]) -> TokenUsage | None:
    """The counts of a usage object; None, and a warning, when it has none that we understand."""
    provider, flavor = format.extractor or _guess(usage)
    usage = format.normalise(usage)
    counts = dict.fromkeys(_COUNTS.values(), 0)
    has_any = False
    for name, steps, last, is_required in _sources(provider, flavor):
        count = _count(usage, steps, last, _FACTORS.get(name, 1))
        if count is not None:
            counts[name] += count
            has_any = True
        elif is_required and not steps:
            _LOG.warning("a usage of %s (%s) has no count %s", provider, flavor, last)
            return None
    # Gemini leaves zeros out, as protocol buffers do: nothing but a total of nothing is a count of zero.
    if not has_any and usage.get("totalTokenCount", 0) != 0:
        return None
    return _consistent(counts)


@lru_cache(maxsize=256)
def _sources(provider_id: str, flavor: str) -> tuple[Source, ...]:
    sources = []
    for mapping in extractor_of(provider_id, flavor).mappings:
        name = _COUNTS.get(mapping.dest)
        if name is not None:
            *steps, last = [mapping.path] if isinstance(mapping.path, str) else mapping.path
            assert isinstance(last, str), "a path ends with a name"
            sources.append((name, tuple(steps), last, mapping.required))
    return tuple(sources)


def _count(node: Any, steps: tuple[Step, ...], last: str, factor: int) -> int | None:
    for step in steps:
        if isinstance(step, str):
            node = node.get(step) if isinstance(node, Mapping) else None
        else:
            node = step.extract(node) if isinstance(node, list) else None
    value = node.get(last) if isinstance(node, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return int(value) if factor == 1 else round(value * factor)


def _guess(usage: Mapping[str, Any]) -> tuple[str, str]:
    """By the members' names, for APIs that have no format of their own."""
    if "prompt_tokens" in usage:
        return ("openai", "chat") if "completion_tokens" in usage else ("openai", "embeddings")
    return "openai", "responses"


def _consistent(counts: dict[str, int]) -> TokenUsage:
    """A part above its whole is a provider's slip; taken literally it would be billed twice, so it is cut and said."""
    given = None
    for part, whole in _PARTS:
        if counts[part] > counts[whole]:
            given = given or dict(counts)
            counts[part] = counts[whole]
    room = counts["input_tokens"] - counts["cache_read_tokens"]
    if counts["cache_write_tokens"] > room:
        given = given or dict(counts)
        counts["cache_write_tokens"] = room
        counts["cache_write_1h_tokens"] = min(counts["cache_write_1h_tokens"], room)
    if given is not None:
        _LOG.warning("a provider's counts contradict each other and were cut: %s", given)
    return TokenUsage(**counts)
