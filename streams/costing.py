"""What a finished call costs: its usage, times the rates that held when it started. Pure.

A call is billed when the provider answered (`ok`), or broke off, or was broken off, in the middle of an answer
(`aborted`): what was produced is charged. An `error` was not answered and a `refused` call never reached the provider,
so both cost nothing, whatever they say about usage. A call that cannot be priced is recorded as unpriced with the
reason; it is never lost and never shown as free.
"""

from __future__ import annotations

import msgspec

from ingest.errors import InvalidUsage
from ingest.events.calls import CallFinished, Outcome
from ingest.events.costs import CallCost, CallCosted
from ingest.pricing.bill import FREE, UNPRICED, bill
from ingest.pricing.book import PriceBook
from ingest.pricing.rates import Rates

BILLED = frozenset({Outcome.OK, Outcome.ABORTED})

NO_USAGE_REPORTED = "the provider reported no usage"


def cost_call(finished: CallFinished, book: PriceBook) -> CallCosted:
    """The call with its cost. The same call and the same book always give the same cost."""
    return CallCosted(finished=finished, cost=_cost(finished, book))


def _cost(finished: CallFinished, book: PriceBook) -> CallCost:
    if finished.outcome not in BILLED:
        return FREE
    if finished.usage is None:
        return _unpriced(NO_USAGE_REPORTED)
    try:
        cost = bill(finished.usage, _rates(finished, book))
    except InvalidUsage as reason:
        return _unpriced(str(reason))
    if not cost.is_priced:
        return _unpriced(f"no price is known for model {finished.model!r} of {finished.call.provider}")
    return cost


def _rates(finished: CallFinished, book: PriceBook) -> Rates | None:
    """By the model that answered; by the model that was asked for where the answer's name has no price."""
    call = finished.call
    for model in dict.fromkeys((finished.response_model, call.model)):
        rates = book.rates_at(call.provider, model, call.started_at, finished.service_tier) if model else None
        if rates is not None:
            return rates
    return None


def _unpriced(reason: str) -> CallCost:
    return msgspec.structs.replace(UNPRICED, unpriced_because=reason)
