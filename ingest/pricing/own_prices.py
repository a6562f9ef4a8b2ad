"""Prices of one's own: the fold of the price events of `governance`, in offset order. Pure.

Nothing is edited: a price that is defined, an end and an exchange rate stay, so that the fold up to any offset can be
taken again (`as_of`), which is what makes a call cost the same when it is priced again. An event that is applied twice
changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ingest.attribution import Attribution
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceEvent, PriceListAdopted, PriceOverridden
from ingest.pricing.precedence import WHO_DIMENSIONS, OwnPrice, rank

NOBODY = Attribution(org="")


class ExchangeRate(NamedTuple):
    """What a unit of a currency is worth, and for how long."""

    usd: Decimal
    holds_from: datetime | None
    """None: always (a dollar is a dollar)."""
    holds_to: datetime | None
    """When the next one begins; None while there is none."""


_DOLLAR = ExchangeRate(Decimal(1), None, None)


class OwnPrices:
    """Folds price events. Not thread-safe while it is written to."""

    def __init__(self) -> None:
        self._events: list[tuple[int, PriceEvent]] = []
        self._prices: dict[str, OwnPrice] = {}
        self._ends: dict[str, datetime] = {}
        self._rates: defaultdict[str, dict[datetime, ExchangeRateSet]] = defaultdict(dict)
        self._adopted: list[PriceListAdopted] = []
        self.offset = -1
        """The offset of the newest event applied; -1 before the first."""

    def apply(self, event: PriceEvent, offset: int) -> bool:
        """Fold the event that stands at `offset` of `governance`; False for one that was applied before."""
        if offset <= self.offset:
            return False
        self.offset = offset
        self._events.append((offset, event))
        match event:
            case PriceOverridden():
                # A price is never edited: of two by one name, the first holds.
                self._prices.setdefault(event.price_id, OwnPrice(event, offset, event.effective_to))
                self._set_end(event.price_id)
            case PriceEnded():
                self._ends[event.price_id] = event.effective_to
                self._set_end(event.price_id)
            case ExchangeRateSet():
                self._rates[event.currency][event.effective_from] = event
            case PriceListAdopted():
                self._adopted.append(event)
        return True

    def as_of(self, offset: int) -> OwnPrices:
        """The fold of what stands at `offset` and before, which does not change any more."""
        past = OwnPrices()
        for at, event in self._events:
            if at <= offset:
                past.apply(event, at)
        return past

    @property
    def prices(self) -> Sequence[OwnPrice]:
        """All of them, ended ones too, in the order in which they were defined."""
        return list(self._prices.values())

    @property
    def exchange_rates(self) -> Sequence[ExchangeRateSet]:
        """All of them, by currency and date."""
        return [
            self._rates[currency][date]
            for currency in sorted(self._rates)
            for date in sorted(self._rates[currency])
        ]

    @property
    def adopted(self) -> Sequence[PriceListAdopted]:
        """The price lists that were adopted, in order."""
        return self._adopted

    def price(self, price_id: str) -> OwnPrice | None:
        """The price of that name."""
        return self._prices.get(price_id)

    def candidates(
        self, provider: str, models: tuple[str, ...], who: Attribution | None
    ) -> Sequence[OwnPrice]:
        """The prices whose scope covers a call, by precedence: the first of them that holds at a moment is its price.

        Without `who`, those that are for everybody.
        """
        asking = who or NOBODY
        ranked = [(r, p) for p in self._prices.values() if (r := rank(p, provider, models, asking))]
        return [price for _, price in sorted(ranked, key=lambda pair: pair[0], reverse=True)]

    def named_dimensions(self) -> tuple[str, ...]:
        """Which of the dimensions of `who` any scope names: two calls that differ in none of them have one price."""
        scopes = [price.definition.scope for price in self._prices.values()]
        return tuple(d for d in WHO_DIMENSIONS if any(getattr(scope, d) for scope in scopes))

    def exchange_rate(self, currency: str, at: datetime) -> ExchangeRate | None:
        """What a unit of `currency` is worth at `at`, USD; None where no rate has begun by then."""
        if currency == "USD":
            return _DOLLAR
        dates = sorted(self._rates.get(currency, ()))
        begun = [date for date in dates if date <= at]
        if not begun:
            return None
        following = dates[len(begun)] if len(begun) < len(dates) else None
        return ExchangeRate(self._rates[currency][begun[-1]].usd, begun[-1], following)

    def first_exchange_rate(self, currency: str) -> datetime | None:
        """When the first rate of `currency` begins; None where there is none."""
        return min(self._rates.get(currency, ()), default=None)

    def _set_end(self, price_id: str) -> None:
        """An end that was set later only ever shortens the interval that was defined."""
        price = self._prices.get(price_id)
        if price is None:
            return
        ends = [end for end in (price.definition.effective_to, self._ends.get(price_id)) if end is not None]
        self._prices[price_id] = OwnPrice(price.definition, price.offset, min(ends, default=None))
