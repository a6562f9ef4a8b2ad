"""Prices of one's own above the public list: one `PriceBook` of both. Pure.

Which own price a kind of call has is worked out once and kept until the next price begins or ends, so that a call pays
for a look-up in a dictionary, and for nothing where there are no own prices at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from typing_extensions import override

from ingest.attribution import Attribution
from ingest.events.prices import PriceOverridden
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.own_price import (
    HourlyPrice,
    NoPrice,
    RatedPrice,
    discounted,
    hourly_in_usd,
    rates_in_usd,
    version_of,
)
from ingest.pricing.own_prices import NOBODY, ExchangeRate, OwnPrices
from ingest.pricing.precedence import OwnPrice
from ingest.pricing.price import Price, PriceBook, Question
from ingest.pricing.rates import Rates

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC)
_MOST_REMEMBERED = 20_000

_MOST_LIST_PRICES = 100

_Apply = Callable[[CompiledPrice | None], Price | None]
"""From the list price of a call to its own price."""


class _Found(NamedTuple):
    """What holds for a kind of call in an interval."""

    holds_from: datetime
    holds_to: datetime
    apply: _Apply | None
    """None: the list price holds."""


class PublicList(PriceBook, Protocol):
    """A book of prices by rates."""

    @override
    def price_at(self, question: Question) -> CompiledPrice | None: ...


class LayeredBook:
    """`own` must not change any more."""

    def __init__(self, list_book: PublicList, own: OwnPrices) -> None:
        self._list = list_book
        self._own = own
        self._dimensions = own.named_dimensions()
        self._has_own = bool(own.prices)
        self._found: dict[tuple[str, ...], _Found] = {}

    def price_at(self, question: Question) -> Price | None:
        listed = self._list.price_at(question)
        if not self._has_own:
            return listed
        who = question.who or NOBODY
        key = (
            question.provider,
            question.model,
            question.asked,
            *[getattr(who, name) for name in self._dimensions],
        )
        found = self._found.get(key)
        if found is None or not found.holds_from <= question.at < found.holds_to:
            found = self._remember(key, self._find(question, who))
        return listed if found.apply is None else found.apply(listed)

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        return self._list.rates_at(provider, model, at, service_tier)

    def own_rates_at(self, question: Question) -> Rates | None:
        """The rates that a call is paid by, own ones in USD and discounts taken off; None where no price is known, or
        where it does not go by rates."""
        listed = self._list.rates_at(question.provider, question.model, question.at, question.service_tier)
        holding = self.holding(question)
        if holding is None:
            return listed
        definition = holding.definition
        exchange = self._own.exchange_rate(definition.currency, question.at)
        if exchange is None or definition.hourly is not None:
            return None
        if definition.rates is not None:
            return rates_in_usd(definition, exchange, version_of(definition, exchange))
        return None if listed is None else discounted(listed, definition)

    def context_window(self, provider: str, model: str) -> int | None:
        return self._list.context_window(provider, model)

    def holding(self, question: Question) -> OwnPrice | None:
        """The own price that holds for a call; None where it is the list's."""
        candidates = self._own.candidates(question.provider, _names(question), question.who)
        return next((price for price in candidates if price.holds_at(question.at)), None)

    def _remember(self, key: tuple[str, ...], found: _Found) -> _Found:
        if len(self._found) >= _MOST_REMEMBERED:
            self._found.clear()
        self._found[key] = found
        return found

    def _find(self, question: Question, who: Attribution) -> _Found:
        at = question.at
        candidates = self._own.candidates(question.provider, _names(question), who)
        holding = next((price for price in candidates if price.holds_at(at)), None)
        begins, ends = _interval(candidates, at)
        if holding is None:
            return _Found(begins, ends, None)
        exchange = self._own.exchange_rate(holding.definition.currency, at)
        if exchange is None:
            # Any rate that is set later makes another book; one that begins later ends this answer.
            first = self._own.first_exchange_rate(holding.definition.currency)
            return _Found(begins, min(ends, first or _FOREVER), _without_exchange_rate(holding))
        begins = max(begins, exchange.holds_from or _ALWAYS)
        ends = min(ends, exchange.holds_to or _FOREVER)
        return _Found(begins, ends, _applied(holding, exchange))


def _names(question: Question) -> tuple[str, ...]:
    return (question.model, question.asked) if question.asked else (question.model,)


def _interval(candidates: Sequence[OwnPrice], at: datetime) -> tuple[datetime, datetime]:
    """The longest interval around `at` in which none of `candidates` begins or ends."""
    moments = [
        moment
        for price in candidates
        for moment in (price.definition.effective_from, price.ends_at)
        if moment is not None
    ]
    return (
        max([m for m in moments if m <= at], default=_ALWAYS),
        min([m for m in moments if m > at], default=_FOREVER),
    )


def _applied(price: OwnPrice, exchange: ExchangeRate) -> _Apply:
    definition = price.definition
    version = version_of(definition, exchange)
    if definition.rates is not None:
        own = CompiledPrice(rates_in_usd(definition, exchange, version))
        needs_usage = any(definition.rates.values())  # what costs nothing does so whatever was used
        return lambda listed: RatedPrice(own, listed, needs_usage)
    if definition.hourly is not None:
        hourly, slots = hourly_in_usd(definition, exchange), definition.slots
        return lambda listed: HourlyPrice(version, hourly, slots, listed)
    return _Discount(definition)


class _Discount:
    """List prices are compiled once and kept, each with what is left of it."""

    def __init__(self, definition: PriceOverridden) -> None:
        self._definition = definition
        self._left: dict[CompiledPrice, CompiledPrice] = {}

    def __call__(self, listed: CompiledPrice | None) -> Price | None:
        if listed is None:
            return None  # nothing can be taken off what has no list price
        left = self._left.get(listed)
        if left is None:
            if len(self._left) >= _MOST_LIST_PRICES:
                self._left.clear()
            left = self._left[listed] = CompiledPrice(discounted(listed.rates, self._definition))
        return RatedPrice(left, listed, needs_usage=True)


def _without_exchange_rate(price: OwnPrice) -> _Apply:
    definition = price.definition
    reason = (
        f"price own/{definition.price_id} is in {definition.currency}, and no exchange rate of {definition.currency}"
        " holds at the time of the call"
    )
    return lambda _: NoPrice(reason)
