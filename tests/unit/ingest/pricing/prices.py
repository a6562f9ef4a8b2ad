"""Prices for tests: a small list, and events about prices with only what matters said."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ingest.attribution import Attribution
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceEvent, PriceOverridden, PriceScope
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.layered import LayeredBook
from ingest.pricing.own_prices import OwnPrices
from ingest.pricing.price import Question
from ingest.pricing.rates import Rate, Rates, rates_of

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOON = datetime(2026, 12, 1, tzinfo=UTC)
BEFORE = datetime(2026, 11, 1, tzinfo=UTC)
WHO = Attribution(org="acme", team="search", project="web", key_id="k1")


class SmallList:
    """A public list: `provider/model` -> rates, USD."""

    def __init__(self, version: str = "list/1", **rates: dict[str, str]) -> None:
        self.version = version
        self._rates = {
            name.replace("__", "/").replace("_", "-"): {c: Rate(Decimal(r)) for c, r in some.items()}
            for name, some in rates.items()
        }

    def name_of(self, provider: str, model: str) -> str | None:
        name = f"{provider}/{model}"
        return name if name in self._rates else None

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        del at, service_tier
        rates = self._rates.get(f"{provider}/{model}")
        return None if rates is None else rates_of(self.version, rates)

    def price_at(self, question: Question) -> CompiledPrice | None:
        rates = self.rates_at(question.provider, question.model, question.at)
        return None if rates is None else CompiledPrice(rates)

    def context_window(self, provider: str, model: str) -> int | None:
        return 1000 if self.name_of(provider, model) else None


LIST = SmallList(openai__gpt={"input": "2", "output": "8", "cache_read": "0.5", "web_search": "10"})


def a_price(price_id: str = "p", **changes: Any) -> PriceOverridden:
    """$1 in, $4 out, for everybody, from `BEFORE` on. `scope` may be given by its fields."""
    scope = {name: changes.pop(name) for name in list(changes) if name in PriceScope.__struct_fields__}
    price = PriceOverridden(
        price_id, PriceScope(**scope), BEFORE, BEFORE, rates={"input": Decimal(1), "output": Decimal(4)}
    )
    if changes.keys() & {"discount_percent", "hourly"}:
        price = msgspec.structs.replace(price, rates=None)
    return msgspec.structs.replace(price, **changes)


def an_end(price_id: str, at: datetime) -> PriceEnded:
    return PriceEnded(price_id, at, AT)


def a_rate(currency: str, usd: str, effective_from: datetime = BEFORE) -> ExchangeRateSet:
    return ExchangeRateSet(currency, Decimal(usd), effective_from, AT)


def fold(*events: PriceEvent) -> OwnPrices:
    """The events in order."""
    own = OwnPrices()
    for offset, event in enumerate(events):
        own.apply(event, offset)
    return own


def a_book(*events: PriceEvent, list_book: SmallList = LIST) -> LayeredBook:
    return LayeredBook(list_book, fold(*events))


def a_question(model: str = "gpt", at: datetime = AT, **changes: Any) -> Question:
    return Question("openai", model, at, who=WHO)._replace(**changes)
