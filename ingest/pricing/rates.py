"""The rates of one model at one instant.

A missing rate means that the class is billed as the class it is a part of (cached input as input, reasoning as output),
which is how providers publish prices and how genai-prices reads them (`genai_prices/decompose.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from ingest.errors import InvalidInput
from ingest.pricing.classes import BY_NAME


class Tier(msgspec.Struct, frozen=True):
    """The rate that holds for the whole call once its input exceeds `above` tokens."""

    above: int
    rate: Decimal


class Rate(msgspec.Struct, frozen=True, omit_defaults=True):
    """USD for as many as the class says (`TokenClass.per`): 1,000,000 tokens or characters, 1,000 pieces, an hour of
    audio. `tiers` ascend by threshold."""

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

    def times(self, factor: Decimal) -> Rate:
        """This rate in all its tiers, times `factor`."""
        tiers = tuple(Tier(tier.above, tier.rate * factor) for tier in self.tiers)
        return Rate(self.base * factor, tiers)


class Rates(msgspec.Struct, frozen=True, omit_defaults=True):
    """All rates of a model and the name of the price version they come from. The fields are those of `CLASSES`."""

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
    audio_cache_read: Rate | None = None
    image_input: Rate | None = None
    image_cache_read: Rate | None = None
    image_output: Rate | None = None
    video_input: Rate | None = None
    video_output: Rate | None = None
    citation: Rate | None = None
    audio: Rate | None = None
    """USD for an hour of audio, heard or spoken."""
    characters: Rate | None = None
    """USD for 1,000,000 characters read aloud."""
    page: Rate | None = None
    """USD for 1,000 pages read."""
    annotated_page: Rate | None = None
    text_message: Rate | None = None
    """USD for 1,000 messages."""
    image: Rate | None = None
    """USD for 1,000 generated images."""
    file_search: Rate | None = None
    code_execution: Rate | None = None
    least_audio_ms: int = 0
    """Audio that is shorter is billed as if it were this long, milliseconds."""

    def known(self) -> Iterator[tuple[str, Rate]]:
        """The classes that have a rate, in the order of the fields."""
        for name in BY_NAME:
            rate = getattr(self, name)
            if rate is not None:
                yield name, rate


def rates_of(
    version: str, rates: Mapping[str, Rate] | Mapping[str, Decimal], least_audio_ms: int = 0
) -> Rates:
    """`Rates` from class names and either rates or plain amounts, USD.

    Raises InvalidInput for a name that is no class, and for an amount that is negative or not finite.
    """
    found: dict[str, Rate] = {}
    for name, given in rates.items():
        if name not in BY_NAME:
            raise InvalidInput(f"{name!r} is no class that calls are billed by ({', '.join(BY_NAME)})")
        rate = given if isinstance(given, Rate) else Rate(given)
        for amount in (rate.base, *(tier.rate for tier in rate.tiers)):
            if not amount.is_finite() or amount < 0:
                raise InvalidInput(f"the rate of {name} is {amount}; it must be 0 or more")
        found[name] = rate
    return Rates(version=version, least_audio_ms=least_audio_ms, **found)
