"""The text of an answer: plain words, exactly as many characters as its tokens are counted for."""

from __future__ import annotations

import itertools
import random

from gateway_shim.simulation.tokens import CHARS_PER_TOKEN

_TEXT = (
    "this answer is simulated and means nothing it only has the length and the shape of one the ledger counts tokens "
    "while naïve cafés in Zürich serve a priori facts über alles “quoted” text → arrows, dashes – and commas; every "
    "request gets words that nobody wrote, because budgets care how many there are rather than what they say"
)
_WORDS = _TEXT.split()


def words(rng: random.Random, tokens: int) -> str:
    """Text of `tokens` tokens by the rule of `tokens.text_tokens`."""
    length = tokens * CHARS_PER_TOKEN
    parts: list[str] = []
    written = 0
    while written < length:
        word = rng.choice(_WORDS)
        parts.append(word)
        written += len(word) + 1
    return " ".join(parts)[:length].ljust(length, ".")


def cut(text: str, pieces: int) -> list[tuple[str, int]]:
    """`text` in `pieces` pieces of whole tokens, as even as they come, each with its number of tokens."""
    tokens = -(-len(text) // CHARS_PER_TOKEN)
    cuts = [tokens * step // pieces for step in range(pieces + 1)]
    return [
        (text[low * CHARS_PER_TOKEN : high * CHARS_PER_TOKEN], high - low)
        for low, high in itertools.pairwise(cuts)
    ]
