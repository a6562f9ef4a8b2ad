"""From a provider's usage object to `TokenUsage`, by genai-prices' extractors.

The extractors say where each count stands and what adds up: cached and tool-use tokens are counted into the input and
thoughts into the output, as `TokenUsage` wants it. Only their definitions are used; the walk is our own, since theirs
takes 20 microseconds of every call (a property test compares the two). A provider's count of zero is a count; only a
usage that is not there is None.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from genai_prices import data_snapshot
from genai_prices.types import ArrayMatch, UsageExtractor

from gateway_shim.formats.answer import Format
from ingest.usage import TokenUsage

_LOG = logging.getLogger(__name__)

# genai-prices' unit -> our count.
_COUNTS = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "input_audio_tokens": "audio_input_tokens",
    "output_tokens": "output_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "audio_output_tokens",
    "web_searches": "web_searches",
}
_PARTS = (
    ("cache_read_tokens", "input_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("audio_input_tokens", "input_tokens"),
    ("reasoning_tokens", "output_tokens"),
    ("audio_output_tokens", "output_tokens"),
)

Step = str | ArrayMatch
Source = tuple[str, tuple[Step, ...], str, bool]
"""Our count, the way to the object that holds it, its name there, and whether it has to be there."""


def read_usage(format: Format, usage: Mapping[str, Any]) -> TokenUsage | None:
    """The counts of a usage object; None, and a warning, when it has none that we understand."""
    provider, flavor = format.extractor or _guess(usage)
    counts = dict.fromkeys(_COUNTS.values(), 0)
    has_any = False
    for name, steps, last, is_required in _sources(provider, flavor):
        count = _count(usage, steps, last)
        if count is not None:
            counts[name] += count
            has_any = True
        elif is_required:
            _LOG.warning("a usage of %s (%s) has no count %s", provider, flavor, last)
            return None
    # Gemini leaves zeros out, as protocol buffers do: nothing but a total of nothing is a count of zero.
    if not has_any and usage.get("totalTokenCount", 0) != 0:
        return None
    return _consistent(counts)


def extractor_of(provider_id: str, flavor: str) -> UsageExtractor:
    """genai-prices' definition."""
    providers = data_snapshot.get_snapshot().providers
    provider = next(p for p in providers if p.id == provider_id)
    return next(e for e in provider.extractors or () if e.api_flavor == flavor)


@lru_cache(maxsize=64)
def _sources(provider_id: str, flavor: str) -> tuple[Source, ...]:
    sources = []
    for mapping in extractor_of(provider_id, flavor).mappings:
        name = _COUNTS.get(mapping.dest)
        if name is not None:
            *steps, last = [mapping.path] if isinstance(mapping.path, str) else mapping.path
            assert isinstance(last, str), "a path ends with a name"
            sources.append((name, tuple(steps), last, mapping.required))
    return tuple(sources)


def _count(node: Any, steps: tuple[Step, ...], last: str) -> int | None:
    for step in steps:
        if isinstance(step, str):
            node = node.get(step) if isinstance(node, Mapping) else None
        else:
            node = step.extract(node) if isinstance(node, list) else None
    value = node.get(last) if isinstance(node, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return int(value)


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
