"""What an event about prices has to say to be usable: one way to compute it, known classes, numbers that can be money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ingest.errors import InvalidInput
from ingest.events.prices import (
    TOKEN_CLASSES,
    ExchangeRateSet,
    PriceEnded,
    PriceEvent,
    PriceListAdopted,
    PriceOverridden,
)

HIGHEST_RATE = Decimal(10**9)
"""Of a rate or an hour, in its currency; beyond, it is a mistake and no price."""
HIGHEST_EXCHANGE_RATE = Decimal(10**6)
HIGHEST_SURCHARGE = Decimal(1000)
"""Percent."""
MOST_SLOTS = 1_000_000
_LONGEST_ID = 200


def check_price_event(event: PriceEvent) -> None:
    """Raises InvalidInput with one sentence when `event` cannot be used."""
    match event:
        case PriceOverridden():
            _check_override(event)
        case PriceEnded():
            _check_name("price_id", event.price_id)
        case ExchangeRateSet():
            check_currency(event.currency)
            if event.currency == "USD":
                raise InvalidInput("USD needs no exchange rate: it is 1 by definition")
            _check_number("usd", event.usd, HIGHEST_EXCHANGE_RATE)
            if not event.usd:
                raise InvalidInput("usd is 0; a unit of a currency is worth something")
        case PriceListAdopted():
            _check_name("version", event.version)


def check_currency(currency: str) -> None:
    """Raises InvalidInput for what is no three capital letters, as ISO 4217 has them."""
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise InvalidInput(f"currency {currency!r} is not three capital letters such as EUR")


def _check_override(price: PriceOverridden) -> None:
    _check_name("price_id", price.price_id)
    ways = {"rates": price.rates, "discount_percent": price.discount_percent, "hourly": price.hourly}
    given = [name for name, way in ways.items() if way is not None]
    if len(given) != 1:
        raise InvalidInput(
            f"a price has exactly one of {', '.join(ways)}, not {' and '.join(given) if given else 'none'}"
        )
    if price.rates is not None:
        _check_rates(price.rates)
    if price.discount_percent is not None:
        _check_discount(price.discount_percent)
        if price.currency != "USD":
            raise InvalidInput(
                f"a discount has no currency of its own, such as {price.currency}: the list is in USD"
            )
    if price.hourly is not None:
        _check_number("hourly", price.hourly, HIGHEST_RATE)
    if not 1 <= price.slots <= MOST_SLOTS:
        raise InvalidInput(f"slots is {price.slots}; a server works on 1 to {MOST_SLOTS} calls at a time")
    check_currency(price.currency)
    if price.effective_to is not None and price.effective_to <= price.effective_from:
        raise InvalidInput(
            f"effective_to {price.effective_to.isoformat()} is not after effective_from"
            f" {price.effective_from.isoformat()}: the price would never hold"
        )


def _check_rates(rates: Mapping[str, Decimal]) -> None:
    if not rates:
        raise InvalidInput("rates name at least one token class, such as input")
    for token_class, rate in rates.items():
        if token_class not in TOKEN_CLASSES:
            raise InvalidInput(
                f"there is no token class {token_class!r}; there are {', '.join(sorted(TOKEN_CLASSES))}"
            )
        _check_number(f"rates.{token_class}", rate, HIGHEST_RATE)


def _check_discount(percent: Decimal) -> None:
    if not percent.is_finite() or not -HIGHEST_SURCHARGE <= percent <= 100:
        raise InvalidInput(
            f"discount_percent is {percent}; it is at most 100, and at least -{HIGHEST_SURCHARGE} (a surcharge)"
        )


def _check_number(name: str, number: Decimal, highest: Decimal) -> None:
    if not number.is_finite() or not 0 <= number <= highest:
        raise InvalidInput(f"{name} is {number}; it must lie between 0 and {highest:f}")


def _check_name(name: str, value: str) -> None:
    if not 1 <= len(value) <= _LONGEST_ID:
        raise InvalidInput(f"{name} has 1 to {_LONGEST_ID} characters, not {len(value)}")
