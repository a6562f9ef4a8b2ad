"""Token usage of one call, by class, in one meaning for all providers.

Sources differ: OpenAI, Mistral and Gemini count cached tokens within the input, Anthropic beside it; Gemini counts
thoughts beside the candidates. Here, as in OpenTelemetry's GenAI conventions (`gen_ai.usage.input_tokens`), `input_tokens`
is all input and `output_tokens` is all output; every other count is a part of one of the two. A part never exceeds
its whole. Counting nothing (0) and not knowing (`None` in place of the whole `TokenUsage`) are different things.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import astuple

from ingest.errors import InvalidUsage


class TokenUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whole numbers of tokens by class, and of what is billed by the piece. The field names are those of genai-prices'
    units, in our order of words."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """All cache writes: those for 5 minutes and those for 1 hour."""
    cache_write_1h_tokens: int = 0
    """The part of `cache_write_tokens` that is kept for an hour."""
    audio_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    web_searches: int = 0
    """Calls of the provider's web search tool."""
    audio_cache_read_tokens: int = 0
    """A part of both `cache_read_tokens` and `audio_input_tokens`."""
    image_input_tokens: int = 0
    image_cache_read_tokens: int = 0
    """A part of both `cache_read_tokens` and `image_input_tokens`."""
    image_output_tokens: int = 0
    video_input_tokens: int = 0
    video_output_tokens: int = 0
    citation_tokens: int = 0
    """A part of the output: passages quoted from search results, where a provider bills them apart."""
    file_searches: int = 0
    """Calls of the provider's file (vector store) search tool."""
    code_executions: int = 0
    """Sessions of the provider's code tool."""
    images: int = 0
    """Generated images, for models that are billed by the image."""
    audio_ms: int = 0
    """Milliseconds of audio heard or spoken, for models that are billed by time."""
    characters: int = 0
    """Characters of text that was read aloud, for models that are billed by them."""
    pages: int = 0
    """Pages of documents that were read (OCR)."""
    annotated_pages: int = 0
    """Those of `pages` that were annotated, which is billed apart."""
    text_messages: int = 0
    """Messages of text that were sent into a conversation of voice, for models that are billed by them."""

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


NO_USAGE = TokenUsage()

# Behind the counts that are common: the first nine fields.
_NONE_OF_THESE = (0,) * (len(TokenUsage.__struct_fields__) - 9)

_PARTS = (
    ("cache_read_tokens", "input_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("audio_input_tokens", "input_tokens"),
    ("reasoning_tokens", "output_tokens"),
    ("audio_output_tokens", "output_tokens"),
    ("audio_cache_read_tokens", "cache_read_tokens"),
    ("audio_cache_read_tokens", "audio_input_tokens"),
    ("image_input_tokens", "input_tokens"),
    ("image_cache_read_tokens", "cache_read_tokens"),
    ("image_cache_read_tokens", "image_input_tokens"),
    ("image_output_tokens", "output_tokens"),
    ("video_input_tokens", "input_tokens"),
    ("video_output_tokens", "output_tokens"),
    ("citation_tokens", "output_tokens"),
    ("annotated_pages", "pages"),
)


def counts_of(usage: TokenUsage) -> tuple[int, ...]:
    """The counts of `usage` in the order of its fields, once they are known to be consistent.

    Raises InvalidUsage that names both counts when they are not. This is asked for every call that is priced, so the
    good case is decided on plain numbers; only a bad one is looked at by name.
    """
    counts = astuple(usage)
    # fmt: off
    if counts[9:] == _NONE_OF_THESE:
        whole_in, read, write, write_1h, audio_in, whole_out, reasoning, audio_out, searches = counts[:9]
        if (
            0 <= write_1h <= write and read >= 0 and read + write <= whole_in and 0 <= audio_in <= whole_in
            and 0 <= reasoning <= whole_out and 0 <= audio_out <= whole_out and searches >= 0
        ):
            return counts
    (whole_in, read, write, write_1h, audio_in, whole_out, reasoning, audio_out, _, audio_read, image_in, image_read,
     image_out, video_in, video_out, citation, _, _, _, _, _, pages, annotated, _) = counts
    # fmt: on
    if (
        min(counts) < 0
        or read + write > whole_in
        or write_1h > write
        or audio_in > whole_in
        or image_in > whole_in
        or video_in > whole_in
        or audio_read > read
        or audio_read > audio_in
        or image_read > read
        or image_read > image_in
        or reasoning > whole_out
        or audio_out > whole_out
        or image_out > whole_out
        or video_out > whole_out
        or citation > whole_out
        or annotated > pages
    ):
        raise InvalidUsage(_contradiction(usage))
    return counts


def check_usage(usage: TokenUsage) -> TokenUsage:
    """`usage` itself when it is consistent; raises InvalidUsage that names both counts when it is not."""
    counts_of(usage)
    return usage


def _contradiction(usage: TokenUsage) -> str:
    for name in usage.__struct_fields__:
        count = getattr(usage, name)
        if count < 0:
            return f"{name} is {count}; a count cannot be negative"
    for part, whole in _PARTS:
        if getattr(usage, part) > getattr(usage, whole):
            return f"{part} ({getattr(usage, part)}) cannot exceed {whole} ({getattr(usage, whole)}), which includes it"
    return (
        f"cache_read_tokens ({usage.cache_read_tokens}) and cache_write_tokens ({usage.cache_write_tokens})"
        f" together cannot exceed input_tokens ({usage.input_tokens})"
    )
