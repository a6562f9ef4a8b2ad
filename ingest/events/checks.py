"""What an event has to say to be usable, beyond its types: finite money, numbers that the warehouse can hold, and a
budget whose window can be found.

Readers fold events without looking at such things again. One that gets past here and cannot be folded would end the
process that reads it, and again after each restart.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import astuple

from ingest.errors import InvalidInput, InvalidMoney
from ingest.events.calls import CallFinished, CallStarted
from ingest.events.charges import BudgetRevised, ChargeCorrected, ChargeSettled
from ingest.events.costs import CallCost, CallCosted, CostCorrected
from ingest.events.governance import BudgetDefined, BudgetDeleted
from ingest.events.price_checks import check_price_event
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceListAdopted, PriceOverridden
from ingest.events.states import BudgetStateChanged
from ingest.governance.budgets import Budget, check_budget
from ingest.governance.windows import window_at
from ingest.limits import UINT16, UINT32, UINT64, whole, within_years
from ingest.money import usd

_SURELY_FITS = 25
"""Amounts below 1e25 can be given twelve places."""
_PRICE_EVENTS = (PriceOverridden, PriceEnded, ExchangeRateSet, PriceListAdopted)


def check_event(event: object) -> None:
    """Raises InvalidInput with one sentence when a field of `event` cannot be used."""
    if isinstance(event, _PRICE_EVENTS):
        check_price_event(event)
    else:
        _check_other_event(event)


def _check_other_event(event: object) -> None:
    match event:
        case CallStarted():
            _check_money("hold_usd", event.call.hold_usd)
        case CallFinished():
            _check_finished(event)
            _check_money("hold_usd", event.call.hold_usd)
            _check_money("provider_cost_usd", event.provider_cost_usd)
        case ChargeSettled():
            _check_money("amount_usd", event.amount_usd)
        case ChargeCorrected():
            _check_money("delta_usd", event.delta_usd)
        case CallCosted():
            _check_cost(event.cost)
        case CostCorrected():
            _check_cost(event.cost)
            _check_money("previous_cost_usd", event.previous_cost_usd)
        case BudgetDefined() | BudgetDeleted() | BudgetRevised():
            _check_definition(event.budget)
        case BudgetStateChanged():
            _check_definition(event.budget)
            for name in ("spent_usd", "reserved_usd", "overshoot_usd"):
                _check_money(name, getattr(event, name))


def _check_finished(finished: CallFinished) -> None:
    """What the warehouse could not hold is refused before it is charged: a charge for a call that nobody can find would
    stand for ever."""
    call = finished.call
    if not call.call_id:
        raise InvalidInput("call_id is empty; calls without one could not be told apart")
    within_years("started_at", call.started_at)
    within_years("finished_at", finished.finished_at)
    whole("latency_ms", finished.latency_ms, UINT32)
    whole("ttft_ms", finished.ttft_ms or 0, UINT32)
    whole("http_status", finished.http_status, UINT16)
    whole("attempt", call.attempt, UINT32)
    whole("request_bytes", call.request_bytes, UINT64)
    if finished.usage is not None:
        whole("the largest count of the usage", max(astuple(finished.usage)), UINT64)


def _check_definition(budget: Budget) -> None:
    _check_money("limit_usd", budget.limit_usd)
    for share in budget.warn_at:
        _check_money("warn_at", share)
    window_at(check_budget(budget), budget.created_at)


def _check_cost(cost: CallCost) -> None:
    for name in ("cost_usd", "input_cost_usd", "cache_cost_usd", "output_cost_usd", "list_cost_usd"):
        _check_money(name, getattr(cost, name))


def _check_money(name: str, amount: Decimal | None) -> None:
    """Most amounts are far from any limit, which is soon seen; what `usd` says of the others counts."""
    if amount is None or (amount.is_finite() and amount.adjusted() < _SURELY_FITS):
        return
    try:
        usd(amount)
    except InvalidMoney as reason:
        raise InvalidMoney(f"{name}: {reason}") from None
