"""Changes to prices: written to `governance`, where nothing is ever edited, and done once they have come back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from gateway_shim.admin.changes import Changes, NotFound
from gateway_shim.admin.price_hints import left_out
from gateway_shim.admin.price_shapes import ExchangeRateIn, PriceIn
from gateway_shim.prices import GatewayPrices
from ingest.clock import Clock
from ingest.errors import InvalidInput
from ingest.events.price_checks import check_price_event
from ingest.events.prices import (
    ExchangeRateSet,
    PriceEnded,
    PriceListAdopted,
    PriceOverridden,
    PriceScope,
)
from ingest.ids import new_id
from ingest.pricing.review import Review, adoption, review


class PriceChanges:
    """What can be done to prices. `providers` are those that calls can go to."""

    def __init__(
        self, changes: Changes, prices: GatewayPrices, providers: Collection[str], clock: Clock
    ) -> None:
        self._changes = changes
        self._providers = providers
        self._prices = prices
        self._clock = clock
        # What is set depends on what is there: the same price sent twice at once is one price.
        self._one_at_a_time = asyncio.Lock()

    async def set(self, wanted: PriceIn) -> tuple[PriceOverridden, bool]:
        """The price, and whether it is new; one that says the same and has not ended is left as it is.

        Raises InvalidInput for a price that makes no sense, and for a name that another price has.
        """
        async with self._one_at_a_time:
            price = _price_of(wanted, self._clock.now())
            check_price_event(price)
            if (same := self._same(wanted, price)) is not None:
                return same, False
            if self._prices.own.price(price.price_id) is not None:
                raise InvalidInput(
                    f"there is another price {price.price_id!r}, and prices are never edited: end it, and set one by"
                    " another name"
                )
            await self._changes.write(price)
        return price, True

    async def end(self, price_id: str, at: datetime | None) -> str:
        """What else may have to be done, in words. Raises NotFound, and InvalidInput for a price that ends by then anyway."""
        async with self._one_at_a_time:
            price, now = self._prices.own.price(price_id), self._clock.now()
            if price is None:
                raise NotFound(f"there is no price {price_id!r}")
            at = at or now
            if price.ends_at is not None and price.ends_at <= at:
                raise InvalidInput(f"price {price_id!r} ends {price.ends_at.isoformat()} already")
            await self._changes.write(PriceEnded(price_id, at, now))
        return _of_the_past(at) if at < now else ""

    async def set_exchange_rate(self, wanted: ExchangeRateIn) -> tuple[ExchangeRateSet, bool]:
        """The rate, and whether it is new. Raises InvalidInput."""
        async with self._one_at_a_time:
            now = self._clock.now()
            begins = wanted.effective_from or now
            rate = ExchangeRateSet(wanted.currency, Decimal(wanted.usd), begins, now, wanted.source)
            check_price_event(rate)
            for old in self._prices.own.exchange_rates:
                if (old.currency, old.usd, old.effective_from) == (rate.currency, rate.usd, begins):
                    return old, False
            await self._changes.write(rate)
        return rate, True

    async def review_list(self) -> Review:
        """What the installed price list would change."""
        adopted: Sequence[PriceListAdopted] = list(self._prices.own.adopted)
        # Reads whole lists: calls go on meanwhile.
        return await asyncio.to_thread(review, adopted, self._prices.lists.shipped, self._clock.now())

    async def adopt_list(self, accept: Sequence[str], by: str) -> PriceListAdopted:
        """Raises InvalidInput when there is nothing to adopt, or for a model that is not held."""
        async with self._one_at_a_time:
            found = await self.review_list()
            event = adoption(found, self._prices.lists.shipped, accept, self._clock.now(), by or "admin")
            await self._changes.write(event)
        return event

    def hint(self, price: PriceOverridden) -> str:
        """What else may have to be done before a price does what it should."""
        hints = []
        now = self._clock.now()
        if self._prices.own.exchange_rate(price.currency, max(now, price.effective_from)) is None:
            hints.append(
                f"no exchange rate of {price.currency} holds, so that these calls are unpriced:"
                f" spendstream prices rate {price.currency} …"
            )
        scope = price.scope
        if scope.provider and scope.provider not in self._providers:
            hints.append(
                f"no provider here is named {scope.provider!r} ({', '.join(sorted(self._providers))}), so that only"
                " imported calls can have this price"
            )
        if scope.provider and scope.model:
            at = max(now, price.effective_from)
            listed = self._prices.book.rates_at(scope.provider, scope.model, at)
            if price.discount_percent is not None and listed is None:
                hints.append(
                    "the price list has no such model, so that there is nothing to take a discount off"
                )
            if price.rates is not None and listed is not None:
                hints += left_out(price.rates, listed)
        if price.effective_from < price.defined_at:
            hints.append(_of_the_past(price.effective_from))
        return "; ".join(hints)

    def _same(self, wanted: PriceIn, price: PriceOverridden) -> PriceOverridden | None:
        now = self._clock.now()
        for old in self._prices.own.prices:
            if old.ends_at is not None and old.ends_at <= now:
                continue
            definition = old.definition
            is_then = (
                definition.effective_from == price.effective_from
                if wanted.effective_from is not None
                else definition.effective_from <= now
            )
            is_named = wanted.price_id in (None, definition.price_id)
            if is_then and is_named and _terms(definition) == _terms(price):
                return definition
        return None


def _of_the_past(since: datetime) -> str:
    return f"calls since {since.isoformat()} that were costed before keep their cost: spendstream reprice"


def _price_of(wanted: PriceIn, now: datetime) -> PriceOverridden:
    scope = wanted.scope.model_dump()
    key = scope.pop("key")
    return PriceOverridden(
        price_id=wanted.price_id or f"price_{new_id()}",
        scope=PriceScope(**scope, key_id=key),
        effective_from=wanted.effective_from or now,
        defined_at=now,
        rates=None if wanted.rates is None else {n: Decimal(rate) for n, rate in wanted.rates.items()},
        discount_percent=None if wanted.discount_percent is None else Decimal(wanted.discount_percent),
        hourly=None if wanted.hourly is None else Decimal(wanted.hourly),
        slots=wanted.slots,
        currency=wanted.currency,
        effective_to=wanted.effective_to,
        note=wanted.note,
    )


def _terms(price: PriceOverridden) -> tuple[object, ...]:
    """What a price says, but for its name and when it began."""
    return (
        price.scope,
        price.rates,
        price.discount_percent,
        price.hourly,
        price.slots,
        price.currency,
        price.effective_to,
    )
