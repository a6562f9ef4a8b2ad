"""Where prices come from: a `PriceBook` answers what a model's rates are at an instant.

`GenaiPriceBook` reads the dated prices that the genai-prices package ships. A price version is never edited in place:
its name holds the package's version, so that a later release of prices is another version.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Protocol

import genai_prices
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, PriceContext, TieredPrices

from ingest.pricing.providers import price_name
from ingest.pricing.rates import Rate, Rates, Tier

_RATE_FIELDS = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_input": "input_audio_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_output": "output_audio_mtok",
    "web_search": "web_searches_kcount",
    "request": "requests_kcount",
}


class PriceBook(Protocol):
    """Dated prices. Asking is pure: the same question always has the same answer."""

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        """The rates for a call that started at `at`, or None when no price is known."""
        ...

    def context_window(self, provider: str, model: str) -> int | None:
        """The most input tokens that the model takes, where that is known."""
        ...


class GenaiPriceBook:
    """The public list prices in genai-prices."""

    def __init__(self) -> None:
        self.version = f"genai-prices/{genai_prices.__version__}"
        self._find = lru_cache(maxsize=4096)(self._find_uncached)

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        found = self._find(provider, model)
        if found is None:
            return None
        return _to_rates(found.get_prices(at, _price_context(service_tier)), self.version)

    def context_window(self, provider: str, model: str) -> int | None:
        found = self._find(provider, model)
        return found.context_window if found else None

    def _find_uncached(self, provider: str, model: str) -> ModelInfo | None:
        try:
            _, found = data_snapshot.get_snapshot().find_provider_model(
                model, None, price_name(provider), None
            )
        except LookupError:
            return None
        return found


def _price_context(service_tier: str) -> PriceContext | None:
    """genai-prices files batch prices under `processing`, the other tiers under `service_tier`."""
    if not service_tier:
        return None
    return {"processing": "batch"} if service_tier == "batch" else {"service_tier": service_tier}


def _to_rates(price: ModelPrice, version: str) -> Rates:
    rates = {name: _to_rate(getattr(price, theirs)) for name, theirs in _RATE_FIELDS.items()}
    return Rates(version=version, **rates)


def _to_rate(price: object) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, TieredPrices):
        tiers = sorted((Tier(tier.start, tier.price) for tier in price.tiers), key=lambda tier: tier.above)
        return Rate(price.base, tuple(tiers))
    return Rate(price)  # type: ignore[arg-type]
