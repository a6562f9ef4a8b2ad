"""Our bill against genai-prices' own arithmetic, over every model that it prices by token."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest
from genai_prices import Usage, data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, PriceContext, TieredPrices
from hypothesis import given, settings, strategies as st

from ingest.money import PLACES
from ingest.pricing.bill import bill, worst_case
from ingest.pricing.book import GenaiPriceBook
from ingest.usage import TokenUsage
from tests.strategies import INSTANTS, usages

BOOK = GenaiPriceBook()
PROVIDERS = ("openai", "anthropic", "mistral", "google", "x-ai", "deepseek", "perplexity", "groq")
OUR_NAME = {"google": "gemini"}
TIERS: dict[str, PriceContext | None] = {
    "": None,
    "default": {"service_tier": "default"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "batch": {"processing": "batch"},
}
# Classes that a call's usage does not tell of: their tokens are billed with the class that contains them.
UNTOLD = (
    "cache_audio_read_tokens",
    "cache_image_read_tokens",
    "input_image_tokens",
    "input_video_tokens",
    "output_image_tokens",
    "output_video_tokens",
    "output_citation_tokens",
)


def models() -> Iterator[tuple[str, str]]:
    """Our name of the provider, and a model that is found by its id."""
    snapshot = data_snapshot.get_snapshot()
    for provider in snapshot.providers:
        for model in provider.models if provider.id in PROVIDERS else ():
            if model.is_match(model.id):
                yield OUR_NAME.get(provider.id, provider.id), model.id


MODELS = list(models())


def model_info(provider: str, model: str) -> ModelInfo:
    theirs = {ours: name for name, ours in OUR_NAME.items()}.get(provider, provider)
    return data_snapshot.get_snapshot().find_provider_model(model, None, theirs, None)[1]


def theirs(usage: TokenUsage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        input_audio_tokens=usage.audio_input_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        output_audio_tokens=usage.audio_output_tokens,
        web_searches=usage.web_searches,
        requests=1,
        **dict.fromkeys(UNTOLD, 0),
    )


def has_rate(price: ModelPrice, usage: TokenUsage) -> bool:
    """Whether genai-prices has a rate, its own or that of the class around it, for all that was used."""
    return all(
        getattr(price, rate) is not None
        for rate, tokens in (("input_mtok", usage.input_tokens), ("output_mtok", usage.output_tokens))
        if tokens
    )


def is_exact(price: ModelPrice) -> bool:
    """Whether every amount has at most 12 places, so that nothing is rounded."""
    amounts: list[Decimal] = []
    for value in price.__dict__.values():
        if isinstance(value, TieredPrices):
            amounts += [value.base, *(tier.price for tier in value.tiers)]
        elif isinstance(value, Decimal):
            amounts.append(value)
    return all(amount == amount.quantize(Decimal("0.000001")) for amount in amounts)


@given(usages(), INSTANTS, st.sampled_from(sorted(TIERS)), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_the_bill_is_what_genai_prices_calculates_for_every_model(
    usage: TokenUsage, at: datetime, tier: str, searches: int
) -> None:
    usage = msgspec.structs.replace(usage, web_searches=searches)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units that we do not tell it of
        for found in MODELS:
            compare(found, usage, at, tier)


def compare(found: tuple[str, str], usage: TokenUsage, at: datetime, tier: str) -> None:
    rates = BOOK.rates_at(*found, at, tier)
    assert rates is not None, found
    price = model_info(*found).get_prices(at, TIERS[tier])
    cost = bill(usage, rates)
    if not has_rate(price, usage):
        if cost.is_priced:  # a class with a rate of its own may hold all of the tokens
            assert {line.token_class for line in cost.components} & {
                "reasoning",
                "audio_output",
                "cache_read",
            }
        return
    expected = price.calc_price(theirs(usage))["total_price"]
    assert cost.is_priced, found
    if is_exact(price):
        assert cost.cost_usd == expected.quantize(PLACES), found
    else:
        assert abs(cost.cost_usd - expected) <= PLACES * len(cost.components), found


@given(st.sampled_from(MODELS), usages(), INSTANTS)
def test_the_parts_sum_to_the_whole(found: tuple[str, str], usage: TokenUsage, at: datetime) -> None:
    cost = bill(usage, BOOK.rates_at(*found, at))
    assert cost.cost_usd == cost.input_cost_usd + cost.cache_cost_usd + cost.output_cost_usd
    assert cost.cost_usd == sum((line.cost_usd for line in cost.components), Decimal(0))
    if cost.is_priced:
        by_class = {line.token_class: line.quantity for line in cost.components}
        inputs = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input")
        assert sum(by_class.get(name, 0) for name in inputs) == usage.input_tokens
        outputs = ("output", "reasoning", "audio_output")
        assert sum(by_class.get(name, 0) for name in outputs) == usage.output_tokens


@given(st.sampled_from(MODELS), usages(), INSTANTS)
def test_no_usage_costs_more_than_the_worst_case(
    found: tuple[str, str], usage: TokenUsage, at: datetime
) -> None:
    rates = BOOK.rates_at(*found, at)
    assert rates is not None
    cost = bill(usage, rates)
    by_the_call = sum(
        (line.cost_usd for line in cost.components if line.token_class in ("request", "web_search")),
        Decimal(0),
    )
    rounding = PLACES * len(cost.components)
    worst = worst_case(usage.input_tokens, usage.output_tokens, rates)
    assert cost.cost_usd - by_the_call <= worst + rounding


def test_the_models_cover_tiers_by_length_and_every_class_we_bill() -> None:
    """The properties above say little if no model exercises a class."""
    seen: set[str] = set()
    for found in MODELS:
        price = model_info(*found).get_prices(datetime.fromisoformat("2026-11-24T12:00:00Z"))
        seen |= {name for name, value in price.__dict__.items() if value is not None}
        if any(isinstance(value, TieredPrices) for value in price.__dict__.values()):
            seen.add("tiers")
    assert seen >= {
        "tiers",
        "input_mtok",
        "cache_read_mtok",
        "cache_write_mtok",
        "cache_write_1h_mtok",
        "input_audio_mtok",
        "output_mtok",
        "output_reasoning_mtok",
        "output_audio_mtok",
        "web_searches_kcount",
        "requests_kcount",
    }


@pytest.mark.parametrize("model", ["nobody-knows-this-model", ""])
def test_an_unknown_model_has_no_rates(model: str) -> None:
    assert BOOK.rates_at("openai", model, datetime.fromisoformat("2026-11-24T12:00:00Z")) is None
