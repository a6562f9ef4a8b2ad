"""What a finished call costs: its usage, at the price that held when it started. Pure.

A call is billed when the provider answered (`ok`), or broke off, or was broken off, in the middle of an answer
(`aborted`): what was produced is charged. An `error` was not answered and a `refused` call never reached the provider,
so both cost nothing, whatever they say about usage. A call that cannot be priced is recorded as unpriced with the
reason; it is never lost and never shown as free.
"""

from __future__ import annotations

from ingest.errors import InvalidUsage
from ingest.events.calls import CallFinished, Outcome
from ingest.events.costs import CallCost, CallCosted, CostComponent
from ingest.money import ZERO, usd
from ingest.pricing.bill import FREE
from ingest.pricing.compiled import unpriced
from ingest.pricing.price import Price, PriceBook, Question
from ingest.usage import NO_USAGE

_OK, _ABORTED = Outcome.OK, Outcome.ABORTED

NO_USAGE_REPORTED = "the provider reported no usage"
PROVIDERS_OWN = "provider"
"""The price version of what the provider itself says a call costs."""


def cost_call(finished: CallFinished, book: PriceBook) -> CallCosted:
    """The call with its cost. The same call and the same book always give the same cost."""
    return CallCosted(finished, _cost(finished, book))


def _cost(finished: CallFinished, book: PriceBook) -> CallCost:
    outcome = finished.outcome
    if outcome is not _OK and outcome is not _ABORTED:
        return FREE
    price = _price(finished, book)
    usage = finished.usage
    if usage is None:
        if price is None or price.needs_usage:
            return _providers_own(finished, NO_USAGE_REPORTED)
        usage = NO_USAGE
    if price is None:
        if usage == NO_USAGE:
            return FREE
        return _providers_own(
            finished, f"no price is known for model {finished.model!r} of {finished.call.provider}"
        )
    try:
        cost = price.cost(usage, finished.latency_ms)
    except InvalidUsage as reason:
        return _providers_own(finished, str(reason))
    return cost if cost.is_priced else _providers_own(finished, cost.unpriced_because)


def _price(finished: CallFinished, book: PriceBook) -> Price | None:
    """By the model that answered; by the model that was asked for where the answer's name has no price."""
    call = finished.call
    answered, asked = finished.response_model, call.model
    price = None
    if answered:
        price = book.price_at(
            Question(
                call.provider,
                answered,
                call.started_at,
                finished.service_tier,
                call.who,
                "" if asked == answered else asked,
            )
        )
    if price is None and asked and asked != answered:
        price = book.price_at(
            Question(call.provider, asked, call.started_at, finished.service_tier, call.who)
        )
    return price


def _providers_own(finished: CallFinished, reason: str) -> CallCost:
    """What the provider itself says that the call costs, else unpriced with `reason`.

    Its word counts only where we have no price. Our own prices are dated, can be negotiated ones, and say of what a cost
    consists; a provider's sum is one number at its list price, which nobody could check or compute again.
    """
    said = finished.provider_cost_usd
    if said is None or said < 0:
        return unpriced(reason)
    cost = usd(said)
    line = CostComponent(PROVIDERS_OWN, 1, cost, cost, 1)
    return CallCost(cost, cost, ZERO, ZERO, cost, PROVIDERS_OWN, True, (line,))
