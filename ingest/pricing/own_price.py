"""A price of one's own, applied to the usage of one call: by token, as a discount off the list, or by the hour. Pure.

Whatever is paid, `list_cost_usd` says what the public list would have asked; where the list does not know the model, it
is the own price.
"""

from __future__ import annotations

from decimal import Context, Decimal

from msgspec.structs import replace

from ingest.errors import InvalidMoney, InvalidUsage
from ingest.events.costs import CallCost, CostComponent
from ingest.events.prices import PriceOverridden
from ingest.money import usd
from ingest.pricing.classes import HOUR_MS
from ingest.pricing.compiled import CompiledPrice, unpriced
from ingest.pricing.own_prices import ExchangeRate
from ingest.pricing.price import Price
from ingest.pricing.rates import Rates, rates_of
from ingest.usage import NO_USAGE, TokenUsage, check_usage

SERVER_TIME = "server_time"
"""The class of what is paid by the hour: milliseconds."""

# Products of rates, exchange rates and counts have more digits than money has.
_EXACT = Context(prec=60)


class RatedPrice:
    """Rates of one's own, or those of the list less a discount, in USD."""

    def __init__(self, own: CompiledPrice, list_price: Price | None, needs_usage: bool) -> None:
        self._own = own
        self._list_price = list_price
        self.needs_usage = needs_usage

    @property
    def version(self) -> str:
        return self._own.version

    def cost(self, usage: TokenUsage, latency_ms: int = 0) -> CallCost:
        return _beside_list(self._own.cost(usage), self._list_price, usage, latency_ms)


class HourlyPrice:
    """A server of one's own: a call pays for the time it took, shared among the calls that run at a time."""

    needs_usage = False

    def __init__(self, version: str, hourly_usd: Decimal, slots: int, list_price: Price | None) -> None:
        self.version = version
        self._hourly_usd = hourly_usd
        self._per = HOUR_MS * slots
        self._list_price = list_price

    def cost(self, usage: TokenUsage, latency_ms: int = 0) -> CallCost:
        check_usage(usage)
        amount = _quotient(_EXACT.multiply(self._hourly_usd, latency_ms), self._per)
        line = CostComponent(SERVER_TIME, latency_ms, self._hourly_usd, amount, self._per)
        own = CallCost(
            cost_usd=amount,
            input_cost_usd=amount,
            list_cost_usd=amount,
            price_version=self.version,
            components=(line,),
        )
        return _beside_list(own, self._list_price, usage, latency_ms)


class NoPrice:
    """There is a price, and something is missing to apply it; `reason` says what, for people."""

    version = ""
    needs_usage = True

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def cost(self, usage: TokenUsage, latency_ms: int = 0) -> CallCost:  # noqa: ARG002 (of the Protocol)
        return CallCost() if check_usage(usage) == NO_USAGE else unpriced(self._reason)


def rates_in_usd(price: PriceOverridden, exchange: ExchangeRate, version: str) -> Rates:
    """The rates of a price that has some, in USD."""
    in_usd = {name: _EXACT.multiply(rate, exchange.usd) for name, rate in (price.rates or {}).items()}
    return rates_of(version, in_usd)


def hourly_in_usd(price: PriceOverridden, exchange: ExchangeRate) -> Decimal:
    """The hour of a price that has one, USD."""
    return _EXACT.multiply(price.hourly or Decimal(0), exchange.usd)


def discounted(listed: Rates, price: PriceOverridden) -> Rates:
    """The rates of the list less a discount: 0.85 of them for one of 15 percent."""
    factor = _EXACT.divide(Decimal(100) - (price.discount_percent or Decimal(0)), Decimal(100))
    rates = {name: rate.times(factor) for name, rate in listed.known()}
    return rates_of(f"{listed.version}+own/{price.price_id}", rates, listed.least_audio_ms)


def version_of(price: PriceOverridden, exchange: ExchangeRate) -> str:
    """`own/<price id>`, and the date of the exchange rate where one was used."""
    own = f"own/{price.price_id}"
    if exchange.holds_from is None:
        return own
    return f"{own}+{price.currency}/{exchange.holds_from.isoformat()}"


def _beside_list(own: CallCost, list_price: Price | None, usage: TokenUsage, latency_ms: int) -> CallCost:
    if list_price is None or not own.is_priced:
        return own
    listed = list_price.cost(usage, latency_ms)
    return replace(own, list_cost_usd=listed.cost_usd) if listed.is_priced else own


def _quotient(dividend: Decimal, divisor: int) -> Decimal:
    try:
        return usd(_EXACT.divide(dividend, Decimal(divisor)))
    except InvalidMoney as reason:
        raise InvalidUsage(str(reason)) from None
