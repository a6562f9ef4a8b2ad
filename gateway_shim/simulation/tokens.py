"""Counting input: simple, deterministic and the same for every provider, so that a test can redo it by hand.

A text counts one token for each 4 characters begun. A message counts its texts and 4 more; anything in it that is
no text (an image, a file, audio) counts 258, what Gemini takes for a picture. Tool definitions count as the text of their
compact JSON. The whole request counts 3 more, unless it asks for embeddings: those count their texts alone. Real tokenizers differ; nothing here depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass

CHARS_PER_TOKEN = 4
MESSAGE_TOKENS = 4
REQUEST_TOKENS = 3
NON_TEXT_TOKENS = 258


def text_tokens(text: str) -> int:
    """Tokens of `text`: a quarter of its characters, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Segment:
    """One message, system text or block of tools: the unit that a prompt cache can end at."""

    text: str
    tokens: int
    cache_for_s: int = 0
    """Seconds that the caller asks to cache the prompt up to this segment's end for; 0 when it does not ask."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that goes in, in the order in which a provider reads it."""

    segments: tuple[Segment, ...]
    overhead: int = REQUEST_TOKENS

    @property
    def tokens(self) -> int:
        """All input tokens."""
        return self.overhead + sum(segment.tokens for segment in self.segments)


def text_prompt(texts: list[str]) -> Prompt:
    """The prompt of an embedding call: bare texts, each its own segment, without any overhead."""
    return Prompt(tuple(Segment(text, text_tokens(text)) for text in texts), overhead=0)
