"""From a provider's usage object to `TokenUsage`, by genai-prices' extractors.

The extractors already count cached and tool-use tokens into the input and thoughts into the output (their `Usage` is
inclusive, as ours). A provider's count of zero is a count; only a usage that is not there is None.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from genai_prices import data_snapshot
from genai_prices.types import UsageExtractor

from gateway_shim.formats.answer import Format
from ingest.usage import TokenUsage

_LOG = logging.getLogger(__name__)

# Our count -> genai-prices' unit.
_UNITS = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "web_searches": "web_searches",
}


def read_usage(format: Format, usage: dict[str, Any]) -> TokenUsage | None:
    """The counts of a usage object; None, and a warning, when it has none that we understand."""
    provider, flavor = format.extractor or _guess(usage)
    try:
        _, found = _extractor(provider, flavor).extract({format.usage_root: usage})
    except ValueError as reason:
        _LOG.warning("a usage of %s (%s) cannot be read: %s", provider, flavor, reason)
        return None
    counts = vars(found)
    return _consistent({name: int(counts.get(unit, 0)) for name, unit in _UNITS.items()})


@lru_cache(maxsize=64)
def _extractor(provider_id: str, flavor: str) -> UsageExtractor:
    providers = data_snapshot.get_snapshot().providers
    provider = next(p for p in providers if p.id == provider_id)
    return next(e for e in provider.extractors or () if e.api_flavor == flavor)


def _guess(usage: dict[str, Any]) -> tuple[str, str]:
    """By the members' names, for APIs that have no format of their own."""
    if "prompt_tokens" in usage:
        return ("openai", "chat") if "completion_tokens" in usage else ("openai", "embeddings")
    return "openai", "responses"


def _consistent(counts: dict[str, int]) -> TokenUsage:
    """A part above its whole is a provider's slip; taken literally it would be billed twice, so it is cut and said."""
    given = dict(counts)
    for part, whole in (
        ("cache_read_tokens", "input_tokens"),
        ("cache_write_tokens", "input_tokens"),
        ("cache_write_1h_tokens", "cache_write_tokens"),
        ("audio_input_tokens", "input_tokens"),
        ("reasoning_tokens", "output_tokens"),
        ("audio_output_tokens", "output_tokens"),
    ):
        counts[part] = min(counts[part], counts[whole])
    room = counts["input_tokens"] - counts["cache_read_tokens"]
    counts["cache_write_tokens"] = min(counts["cache_write_tokens"], room)
    counts["cache_write_1h_tokens"] = min(counts["cache_write_1h_tokens"], counts["cache_write_tokens"])
    if counts != given:
        _LOG.warning("a provider's counts contradict each other and were cut: %s", given)
    return TokenUsage(**counts)
