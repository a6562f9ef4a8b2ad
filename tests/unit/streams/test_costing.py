from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from ingest.events.calls import BudgetRef, CallFinished, Outcome
from ingest.events.charges import SourcePosition
from ingest.events.costs import CallCost
from ingest.events.prices import PriceOverridden, PriceScope
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.layered import LayeredBook
from ingest.pricing.own_prices import OwnPrices
from ingest.pricing.price import Question
from ingest.pricing.rates import Rate, Rates
from ingest.usage import TokenUsage
from streams.charging import charges_for
from streams.costing import NO_USAGE_REPORTED, PROVIDERS_OWN, cost_call
from tests.builders import AT, a_call_costed

HERE = SourcePosition(2, 17)


class OneModel:
    """A price book that knows one model of one provider, at one tier; asking notes the question."""

    def __init__(self, model: str = "gpt-4o", tier: str = "") -> None:
        self.model = model
        self.tier = tier
        self.asked: list[Question] = []

    def price_at(self, question: Question) -> CompiledPrice | None:
        self.asked.append(question)
        if (question.provider, question.model, question.service_tier) != ("openai", self.model, self.tier):
            return None
        return CompiledPrice(Rates("one/1", input=Rate(Decimal("2.5")), output=Rate(Decimal(10))))

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        price = self.price_at(Question(provider, model, at, service_tier))
        return price.rates if price else None

    def context_window(self, _provider: str, _model: str) -> int | None:
        return None


def finished(**changes: object) -> CallFinished:
    return a_call_costed(**changes).finished


def cost(call: CallFinished, book: OneModel | None = None) -> CallCost:
    return cost_call(call, book or OneModel()).cost


def test_an_answer_costs_its_usage_times_the_rates() -> None:
    call = finished(input_tokens=1000, output_tokens=300)
    costed = cost_call(call, OneModel())
    assert costed.finished == call
    assert costed.cost.cost_usd == Decimal("0.0055")
    assert costed.cost.price_version == "one/1"
    assert costed.cost.is_priced


def test_an_answer_that_broke_off_costs_what_was_produced() -> None:
    assert cost(finished(outcome=Outcome.ABORTED, output_tokens=30)).cost_usd == Decimal("0.0028")


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.REFUSED])
def test_what_was_not_answered_costs_nothing_whatever_it_says(outcome: Outcome) -> None:
    found = cost(finished(outcome=outcome))
    assert found == CallCost()
    assert found.is_priced


def test_rates_are_those_of_the_start_and_of_the_tier_that_answered() -> None:
    book = OneModel(tier="flex")
    call = finished(service_tier="flex")
    assert cost(call, book).is_priced
    assert book.asked == [Question("openai", "gpt-4o", AT, "flex", call.call.who)]


def test_the_model_that_answered_goes_before_the_model_that_was_asked_for() -> None:
    book = OneModel(model="gpt-4o-2024-08-06")
    call = msgspec.structs.replace(finished(), response_model="gpt-4o-2024-08-06")
    assert cost(call, book).is_priced
    assert len(book.asked) == 1


def test_an_answers_unknown_name_falls_back_to_the_model_that_was_asked_for() -> None:
    assert cost(msgspec.structs.replace(finished(), response_model="deployment-7")).is_priced


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"usage": None}, NO_USAGE_REPORTED),
        ({"model": "nobody"}, "no price is known for model 'nobody' of openai"),
        (
            {"cache_read_tokens": 2000},
            "cache_read_tokens (2000) cannot exceed input_tokens (1000), which includes it",
        ),
        ({"output_tokens": -1}, "output_tokens is -1; a count cannot be negative"),
    ],
)
def test_what_cannot_be_priced_is_kept_with_the_reason(changes: dict[str, object], reason: str) -> None:
    call = finished(**{k: v for k, v in changes.items() if k != "usage"})
    if "usage" in changes:
        call = msgspec.structs.replace(call, usage=None)
    costed = cost_call(call, OneModel())
    assert costed.finished == call
    assert not costed.cost.is_priced
    assert costed.cost.cost_usd == 0
    assert costed.cost.unpriced_because == reason


def test_nothing_used_is_free_and_not_unknown() -> None:
    call = msgspec.structs.replace(finished(model="nobody"), usage=TokenUsage())
    assert cost(call) == CallCost()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model": "nobody"}, id="no-price"),
        pytest.param({"usage": None}, id="no-usage"),
        pytest.param({"usage": TokenUsage(input_tokens=1, reasoning_tokens=5)}, id="contradiction"),
        pytest.param({"usage": TokenUsage(pages=3)}, id="no-rate-for-what-was-used"),
    ],
)
def test_the_providers_own_cost_stands_in_for_a_price_that_is_missing(changes: dict[str, object]) -> None:
    call = finished(**{k: v for k, v in changes.items() if k != "usage"})
    if "usage" in changes:
        call = msgspec.structs.replace(call, usage=changes["usage"])
    assert not cost(call).is_priced
    found = cost(msgspec.structs.replace(call, provider_cost_usd=Decimal("0.0123")))
    assert found.is_priced
    assert found.price_version == PROVIDERS_OWN
    assert found.cost_usd == found.input_cost_usd == found.list_cost_usd == Decimal("0.0123")
    assert sum(line.cost_usd for line in found.components) == found.cost_usd


def test_the_providers_own_cost_is_not_asked_where_there_is_a_price() -> None:
    call = msgspec.structs.replace(
        finished(input_tokens=1000, output_tokens=300), provider_cost_usd=Decimal(9)
    )
    assert cost(call).cost_usd == Decimal("0.0055")
    refused = msgspec.structs.replace(call, outcome=Outcome.REFUSED)
    assert cost(refused) == CallCost()


def test_a_server_that_is_paid_by_time_has_a_cost_whatever_it_says() -> None:
    call = msgspec.structs.replace(finished(model="llama", latency_ms=36_000), usage=None)
    own = OwnPrices()
    scope = PriceScope(model="llama")
    own.apply(PriceOverridden("gpu", scope, AT, AT, hourly=Decimal(2)), 0)
    found = cost_call(call, LayeredBook(OneModel(), own)).cost
    assert (found.cost_usd, found.is_priced) == (Decimal("0.02"), True)


def test_a_negative_cost_of_the_providers_is_none() -> None:
    call = msgspec.structs.replace(finished(model="nobody"), provider_cost_usd=Decimal(-1))
    assert not cost(call).is_priced


def test_counts_that_no_money_can_pay_are_unpriced_with_the_reason() -> None:
    found = cost(finished(input_tokens=10**40))
    assert not found.is_priced
    assert "1e26 USD" in found.unpriced_because


def test_there_is_a_charge_for_each_balance_the_call_was_admitted_against() -> None:
    refs = (BudgetRef("a", "0/2026-11-01T00:00:00Z"), BudgetRef("b", "3/2026-11-24T00:00:00Z"))
    costed = a_call_costed(budgets=refs, cost_usd="0.25")
    charges = charges_for(costed, HERE)
    assert [(c.budget_id, c.window) for c in charges] == [(ref.budget_id, ref.window) for ref in refs]
    for charge in charges:
        assert charge.amount_usd == Decimal("0.25")
        assert charge.source == HERE
        assert charge.call_id == costed.finished.call.call_id
        assert charge.finished_at == costed.finished.finished_at


def test_a_balance_named_twice_is_charged_once() -> None:
    ref = BudgetRef("a", "0/2026-11-01T00:00:00Z")
    assert len(charges_for(a_call_costed(budgets=(ref, ref)), HERE)) == 1


def test_what_costs_nothing_is_charged_to_nobody() -> None:
    refs = (BudgetRef("a", "0/2026-11-01T00:00:00Z"),)
    assert charges_for(a_call_costed(budgets=refs, cost_usd="0"), HERE) == []
    assert charges_for(a_call_costed(), HERE) == []
