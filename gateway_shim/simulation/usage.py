"""What the simulated provider bills for one call, in one meaning for all.

Kept apart from `ingest.usage` on purpose: this is the other side's count, and a fault shared by both would hide itself.
"""

from __future__ import annotations

import msgspec


class ServedUsage(msgspec.Struct, frozen=True):
    """Whole numbers of tokens. `input_tokens` and `output_tokens` are everything; the others are parts of them."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    characters: int = 0
    """Of text that was read aloud, where that is what is billed."""

    @property
    def uncached_tokens(self) -> int:
        """Input neither read from nor written to a cache: what Anthropic calls `input_tokens`."""
        return self.input_tokens - self.cache_read_tokens - self.cache_write_tokens

    @property
    def visible_tokens(self) -> int:
        """Output without the reasoning: what Gemini calls candidates."""
        return self.output_tokens - self.reasoning_tokens

    def produced(self, output_tokens: int) -> ServedUsage:
        """The bill when generation stopped after `output_tokens`; reasoning comes first."""
        return msgspec.structs.replace(
            self, output_tokens=output_tokens, reasoning_tokens=min(self.reasoning_tokens, output_tokens)
        )


NOTHING_SERVED = ServedUsage()
