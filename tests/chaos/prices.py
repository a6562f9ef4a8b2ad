"""What genai-prices says a count of tokens costs: nothing of our own arithmetic is in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import genai_prices
from genai_prices import Usage

_PROVIDERS = {"gemini": "google"}
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
)
_PLACES = Decimal("1e-12")

TOKENS = (*_COUNTS, "reasoning_tokens")
"""The counts that are compared, as both sides name them."""


def independent_cost(
    provider: str, models: tuple[str, ...], counts: Mapping[str, int], at: datetime
) -> Decimal | None:
    """USD with 12 places, by the first of `models` that has a price; None where none has."""
    numbers = tuple(int(counts[name]) for name in TOKENS)
    for model in models:
        if model and (cost := _cost(provider, model, numbers, at.replace(minute=0, second=0, microsecond=0))):
            return cost[0]
    return None


@lru_cache(maxsize=100_000)
def _cost(provider: str, model: str, numbers: tuple[int, ...], at: datetime) -> tuple[Decimal] | None:
    counts = dict(zip(TOKENS, numbers, strict=True))
    usage = Usage(
        **{name: counts[name] for name in _COUNTS if counts[name]},
        output_reasoning_tokens=counts["reasoning_tokens"],
    )
    try:
        price = genai_prices.calc_price(
            usage, model, provider_id=_PROVIDERS.get(provider, provider), genai_request_timestamp=at
        )
    except LookupError:
        return None
    return (price.total_price.quantize(_PLACES),)
