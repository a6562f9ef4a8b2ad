"""The classes that a call is billed by: which count of the usage each is, what contains it, and which part of the cost
it belongs to.

The units and the names of their prices are those of genai-prices 0.2.3 (`data_units.py`), in our order of words. A class
without a price of its own is billed with the class that contains it, as there (`decompose.py`); what nothing contains is
a class of its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ingest.usage import TokenUsage

MILLION = 1_000_000
THOUSAND = 1_000
HOUR_MS = 3_600_000


class Group(StrEnum):
    """The three parts that every cost is the sum of."""

    INPUT = "input"
    """Uncached input, and fees by the piece."""
    CACHE = "cache"
    """Input that was read from a cache or written to one."""
    OUTPUT = "output"


class Kind(StrEnum):
    """What is counted."""

    TOKENS = "tokens"
    UNITS = "units"
    """Work that is billed instead of tokens: time of audio, characters, pages, images, messages."""
    TOOLS = "tools"
    """Calls of the provider's own tools, billed beside the tokens."""
    REQUEST = "request"


class TokenClass(NamedTuple):
    """One class."""

    name: str
    """`CostComponent.token_class`, and the field of `Rates`."""
    counts: str
    """The field of `TokenUsage`; empty for the request itself."""
    group: Group
    kind: Kind
    per: int
    """For how many of them a rate is."""
    within: tuple[str, ...] = ()
    """The classes that contain it, the whole last."""


_IN, _CACHE, _OUT = Group.INPUT, Group.CACHE, Group.OUTPUT
_TOKENS, _UNITS, _TOOLS = Kind.TOKENS, Kind.UNITS, Kind.TOOLS
_READ = ("cache_read", "input")

CLASSES = (
    TokenClass(
        "audio_cache_read", "audio_cache_read_tokens", _CACHE, _TOKENS, MILLION, ("audio_input", *_READ)
    ),
    TokenClass(
        "image_cache_read", "image_cache_read_tokens", _CACHE, _TOKENS, MILLION, ("image_input", *_READ)
    ),
    TokenClass("cache_read", "cache_read_tokens", _CACHE, _TOKENS, MILLION, ("input",)),
    TokenClass("cache_write_1h", "cache_write_1h_tokens", _CACHE, _TOKENS, MILLION, ("cache_write", "input")),
    TokenClass("cache_write", "cache_write_tokens", _CACHE, _TOKENS, MILLION, ("input",)),
    TokenClass("audio_input", "audio_input_tokens", _IN, _TOKENS, MILLION, ("input",)),
    TokenClass("image_input", "image_input_tokens", _IN, _TOKENS, MILLION, ("input",)),
    TokenClass("video_input", "video_input_tokens", _IN, _TOKENS, MILLION, ("input",)),
    TokenClass("input", "input_tokens", _IN, _TOKENS, MILLION),
    TokenClass("reasoning", "reasoning_tokens", _OUT, _TOKENS, MILLION, ("output",)),
    TokenClass("citation", "citation_tokens", _OUT, _TOKENS, MILLION, ("output",)),
    TokenClass("audio_output", "audio_output_tokens", _OUT, _TOKENS, MILLION, ("output",)),
    TokenClass("image_output", "image_output_tokens", _OUT, _TOKENS, MILLION, ("output",)),
    TokenClass("video_output", "video_output_tokens", _OUT, _TOKENS, MILLION, ("output",)),
    TokenClass("output", "output_tokens", _OUT, _TOKENS, MILLION),
    TokenClass("audio", "audio_ms", _IN, _UNITS, HOUR_MS),
    TokenClass("characters", "characters", _IN, _UNITS, MILLION),
    TokenClass("annotated_page", "annotated_pages", _IN, _UNITS, THOUSAND, ("page",)),
    TokenClass("page", "pages", _IN, _UNITS, THOUSAND),
    TokenClass("text_message", "text_messages", _IN, _UNITS, THOUSAND),
    TokenClass("image", "images", _OUT, _UNITS, THOUSAND),
    TokenClass("web_search", "web_searches", _IN, _TOOLS, THOUSAND),
    TokenClass("file_search", "file_searches", _IN, _TOOLS, THOUSAND),
    TokenClass("code_execution", "code_executions", _IN, _TOOLS, THOUSAND),
    TokenClass("request", "", _IN, Kind.REQUEST, THOUSAND),
)
"""All classes, each before those that contain it."""

BY_NAME = {found.name: found for found in CLASSES}

SLOT_OF_FIELD = {name: slot for slot, name in enumerate(TokenUsage.__struct_fields__)}
REQUEST_SLOT = len(SLOT_OF_FIELD)
"""The one request stands behind the counts of the usage."""


def slot_of(token_class: TokenClass) -> int:
    """Where its count stands in `counts_of(usage)`."""
    return SLOT_OF_FIELD[token_class.counts] if token_class.counts else REQUEST_SLOT
