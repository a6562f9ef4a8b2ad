"""The rates of one model at one instant.

A missing rate means that the class is billed as the class it is a part of (cached input as input, reasoning as output),
which is how providers publish prices and how genai-prices reads them (`genai_prices/decompose.py`).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Tier(msgspec.Struct, frozen=True):
    """The rate that holds for the whole call once its input exceeds `above` tokens."""

    above: int
    rate: Decimal


class Rate(msgspec.Struct, frozen=True, omit_defaults=True):
    """USD for 1,000,000 tokens, or for 1,000 pieces; `tiers` ascend by threshold."""

    base: Decimal
    tiers: tuple[Tier, ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """The rate for a call whose whole input is `input_tokens` long."""
        rate = self.base
        for tier in self.tiers:
            if input_tokens > tier.above:
                rate = tier.rate
        return rate

    def dearest(self) -> Decimal:
        """The highest of all tiers, for a worst case."""
        return max([self.base, *(tier.rate for tier in self.tiers)])


class Rates(msgspec.Struct, frozen=True, omit_defaults=True):
    """All rates of a model and the name of the price version they come from."""

    version: str
    input: Rate | None = None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    audio_input: Rate | None = None
    output: Rate | None = None
    reasoning: Rate | None = None
    audio_output: Rate | None = None
    web_search: Rate | None = None
    """USD for 1,000 searches."""
    request: Rate | None = None
    """USD for 1,000 requests."""
