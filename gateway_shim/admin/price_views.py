"""From prices as they are known to what the admin API answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from gateway_shim.admin.price_shapes import (
    CandidateOut,
    EffectivePriceOut,
    ExchangeRateOut,
    ListPriceOut,
    PriceChangeOut,
    PriceListOut,
    PriceOut,
)
from gateway_shim.prices import GatewayPrices
from ingest.events.prices import ExchangeRateSet, PriceListAdopted
from ingest.pricing.lists import counting
from ingest.pricing.own_price import hourly_in_usd
from ingest.pricing.own_prices import OwnPrices
from ingest.pricing.precedence import OwnPrice, describe, standing
from ingest.pricing.price import Question
from ingest.pricing.rates import Rates
from ingest.pricing.review import Review

_SCOPE_NAMES = {"key_id": "key"}


def price_views(own: OwnPrices, now: datetime) -> list[PriceOut]:
    """All own prices, the one that wins over the others first."""
    ordered = sorted(own.prices, key=standing, reverse=True)
    return [_price_view(price, place, now) for place, price in enumerate(ordered, 1)]


def price_view(own: OwnPrices, price_id: str, now: datetime, hint: str = "") -> PriceOut:
    """The price of that name, which has to be there."""
    (view,) = [view for view in price_views(own, now) if view.price_id == price_id]
    return view.model_copy(update={"hint": hint})


def exchange_rate_view(rate: ExchangeRateSet) -> ExchangeRateOut:
    return ExchangeRateOut(
        currency=rate.currency,
        usd=text(rate.usd),
        effective_from=rate.effective_from,
        defined_at=rate.defined_at,
        source=rate.source,
    )


def effective_view(prices: GatewayPrices, question: Question) -> EffectivePriceOut:
    """Which price a call has, and why."""
    book = prices.book
    holding, price = book.holding(question), book.price_at(question)
    listed = book.rates_at(question.provider, question.model, question.at, question.service_tier)
    rates = book.own_rates_at(question)
    view = EffectivePriceOut(
        provider=question.provider,
        model=question.model,
        at=question.at,
        price_version=price.version if price else "",
        why=_why(prices.own, question, holding, listed),
        rates=_rates(rates) if rates else None,
        listed=ListPriceOut(price_version=listed.version, rates=_rates(listed)) if listed else None,
        candidates=list(_candidates(prices.own, question, holding)),
    )
    if holding is not None and holding.definition.hourly is not None:
        exchange = prices.own.exchange_rate(holding.definition.currency, question.at)
        view.slots = holding.definition.slots
        view.hourly_usd = _plain(hourly_in_usd(holding.definition, exchange)) if exchange else None
    return view


def list_view(found: Review, adopted: Sequence[PriceListAdopted]) -> PriceListOut:
    """Which list holds, and what would change."""
    newest = counted[-1] if (counted := counting(adopted)) else None
    return PriceListOut(
        in_force=found.in_force,
        installed=found.installed,
        waits_for_review=found.is_due,
        adopted_at=newest.adopted_at if newest else None,
        adopted_by=newest.adopted_by if newest else "",
        held=list(newest.held) if newest else [],
        changes=[
            PriceChangeOut(
                model=change.model,
                rate=change.rate,
                old=_maybe(change.old),
                new=_maybe(change.new),
                factor=_maybe(change.factor),
                held=change.is_held,
            )
            for change in found.changes
        ],
    )


def text(amount: Decimal) -> str:
    """As it was given, without an exponent."""
    return f"{amount:f}"


def _plain(amount: Decimal) -> str:
    """A computed amount, without zeros that say nothing."""
    return f"{amount.normalize():f}"


def _price_view(price: OwnPrice, place: int, now: datetime) -> PriceOut:
    definition = price.definition
    scope = definition.scope
    return PriceOut(
        price_id=price.price_id,
        covers=describe(scope),
        scope={
            _SCOPE_NAMES.get(name, name): value
            for name in scope.__struct_fields__
            if (value := getattr(scope, name))
        },
        rates=None if definition.rates is None else {n: text(r) for n, r in definition.rates.items()},
        discount_percent=_maybe(definition.discount_percent),
        hourly=_maybe(definition.hourly),
        slots=definition.slots,
        currency=definition.currency,
        effective_from=definition.effective_from,
        effective_to=price.ends_at,
        defined_at=definition.defined_at,
        note=definition.note,
        state=_state(price, now),
        precedence=place,
    )


def _state(price: OwnPrice, at: datetime) -> str:
    if price.ends_at is not None and price.ends_at <= at:
        return "ended"
    return "holds" if price.holds_at(at) else "future"


def _why(own: OwnPrices, question: Question, holding: OwnPrice | None, listed: Rates | None) -> str:
    if holding is None:
        return (
            "no own price holds: the list price"
            if listed
            else "no own price holds, and the list has no such model"
        )
    definition = holding.definition
    words = f"own price {holding.price_id} ({describe(definition.scope)})"
    if own.exchange_rate(definition.currency, question.at) is None:
        return f"{words} is in {definition.currency}, of which no exchange rate holds: unpriced"
    if definition.discount_percent is not None:
        off = f"{text(definition.discount_percent)} % off the list price"
        return f"{words}: {off}" if listed else f"{words}: {off}, and the list has no such model: unpriced"
    return words


def _candidates(own: OwnPrices, question: Question, holding: OwnPrice | None) -> list[CandidateOut]:
    found = []
    for price in own.candidates(question.provider, (question.model,), question.who):
        state, is_it = _state(price, question.at), price == holding
        if is_it:
            why = "the most specific that holds; of equals, the one that began last"
        elif state == "holds" and holding is not None:
            why = f"{holding.price_id} goes before it"
        else:
            day = price.ends_at if state == "ended" else price.definition.effective_from
            why = f"{'ended' if state == 'ended' else 'begins'} {day.isoformat() if day else ''}"
        found.append(
            CandidateOut(
                price_id=price.price_id, covers=describe(price.definition.scope), holds=is_it, why=why
            )
        )
    return found


def _rates(rates: Rates) -> dict[str, str]:
    return {
        shown: _plain(amount)
        for name, rate in rates.known()
        for shown, amount in (
            (name, rate.base),
            *((f"{name} above {tier.above}", tier.rate) for tier in rate.tiers),
        )
    }


def _maybe(amount: Decimal | None) -> str | None:
    return None if amount is None else text(amount)
