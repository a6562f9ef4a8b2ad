"""Our bill against genai-prices' own arithmetic: over all of its models, all its dated prices and tiers, and any usage."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import product

import msgspec
import pytest
from genai_prices import Usage, data_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceContext,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from hypothesis import given, settings, strategies as st

from ingest.money import PLACES
from ingest.pricing.bill import bill
from ingest.pricing.book import GenaiPriceBook, shipped_list
from ingest.pricing.classes import BY_NAME, CLASSES, Kind
from ingest.pricing.genai import CLASS_OF_PRICE
from ingest.usage import TokenUsage
from tests.strategies import INSTANTS, all_usages

# The supplement is ours: without it, we calculate exactly as the library.
BOOK = GenaiPriceBook(msgspec.structs.replace(shipped_list(), supplement=()))
TIERS: dict[str, PriceContext | None] = {
    "": None,
    "default": {"service_tier": "default"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "batch": {"processing": "batch"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}
OUR_FIELD = {
    "input_audio_tokens": "audio_input_tokens",
    "cache_audio_read_tokens": "audio_cache_read_tokens",
    "input_image_tokens": "image_input_tokens",
    "cache_image_read_tokens": "image_cache_read_tokens",
    "input_video_tokens": "video_input_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "audio_output_tokens",
    "output_image_tokens": "image_output_tokens",
    "output_video_tokens": "video_output_tokens",
    "output_citation_tokens": "citation_tokens",
    "storage_searches": "file_searches",
    "input_characters": "characters",
    "input_document_pages": "pages",
    "input_annotated_document_pages": "annotated_pages",
    "input_text_messages": "text_messages",
}
SAME_FIELD = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "web_searches",
    "code_executions",
)


# In the order of the fields; 20,000 tokens of input, more than every threshold when taken 40 times.
COUNTS = (
    *(20_000, 5_003, 2_001, 701, 3_001, 9_001, 1_301, 801, 3, 1_001, 2_003, 503),
    *(401, 307, 203, 101, 2, 5, 1, 12_345, 6_789, 7, 3, 2),
)
OF_EVERY_CLASS = dict(zip(TokenUsage.__struct_fields__, COUNTS, strict=True))


def models() -> Iterator[tuple[Provider, ModelInfo]]:
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            yield provider, model


MODELS = list(models())


def name_of(provider: Provider, model: ModelInfo) -> str | None:
    """A name by which the library finds this very model; None where an earlier one takes its id."""
    return model.id if provider.find_model(model.id) is model else None


NAMED = [
    (provider, model, name) for provider, model in MODELS if (name := name_of(provider, model)) is not None
]


def theirs(usage: TokenUsage) -> Usage:
    counts: dict[str, int | Decimal] = {name: getattr(usage, name) for name in SAME_FIELD}
    counts |= {name: getattr(usage, ours) for name, ours in OUR_FIELD.items()}
    seconds = Decimal(usage.audio_ms) / 1000
    return Usage(**counts, audio_seconds=seconds, input_audio_seconds=seconds)


def turning_points(model: ModelInfo) -> set[datetime]:
    """Moments around which its prices change, and one long before and long after."""
    found = {datetime(2023, 1, 1, tzinfo=UTC), datetime(2030, 6, 15, 12, tzinfo=UTC)}
    dated = model.prices if isinstance(model.prices, list) else []
    for price in (*dated, *(model.price_variants or ())):
        moments = []
        if isinstance(price.constraint, StartDateConstraint):
            moments = [datetime.combine(price.constraint.start_date, time(), UTC)]
        elif isinstance(price.constraint, TimeOfDateConstraint):
            edges = (price.constraint.start_time, price.constraint.end_time)
            moments = [datetime.combine(datetime(2026, 11, 24), edge.replace(tzinfo=UTC)) for edge in edges]
        found |= {at + shift for at in moments for shift in (timedelta(microseconds=-1), timedelta())}
    return found


def bills_tokens(price: ModelPrice, usage: TokenUsage) -> bool:
    """Whether genai-prices has a rate, its own or that of the class around it, for all tokens that were used, or is not
    billed by tokens at all. Where it has none, it says 0, and we say that the call is unpriced."""
    keys = {key for key, value in price.__dict__.items() if value is not None}
    if not any(key.endswith("_mtok") for key in keys):
        return not keys or any(
            getattr(usage, BY_NAME[CLASS_OF_PRICE[key]].counts) for key in keys if key != "requests_kcount"
        )
    return all(
        key in keys
        for key, tokens in (("input_mtok", usage.input_tokens), ("output_mtok", usage.output_tokens))
        if tokens
    )


def is_used(usage: TokenUsage) -> bool:
    return any(getattr(usage, found.counts) for found in CLASSES if found.kind in (Kind.TOKENS, Kind.UNITS))


def amounts_of(price: ModelPrice) -> Iterator[tuple[str, Decimal]]:
    for key, value in price.__dict__.items():
        if isinstance(value, TieredPrices):
            yield from ((key, amount) for amount in (value.base, *(tier.price for tier in value.tiers)))
        elif isinstance(value, Decimal):
            yield key, value


def compare(
    provider: Provider, model: ModelInfo, name: str, usage: TokenUsage, at: datetime, tier: str
) -> None:
    context = f"{provider.id}/{name} {at} {tier} {usage}"
    rates = BOOK.rates_at(provider.id, name, at, tier)
    assert rates is not None, context
    cost = bill(usage, rates)
    assert cost.cost_usd == cost.input_cost_usd + cost.cache_cost_usd + cost.output_cost_usd
    expected = model.calc_price(
        theirs(usage), provider, genai_request_timestamp=at, price_context=TIERS[tier]
    ).total_price
    if not bills_tokens(model.get_prices(at, TIERS[tier]), usage) and is_used(usage):
        assert not cost.is_priced or cost.cost_usd == expected.quantize(PLACES), context
        return
    assert cost.is_priced, context
    # Each line is rounded once; most amounts need no rounding at all, and are equal to the last place.
    is_exact = not any(
        amount % Decimal("0.000001") for _, amount in amounts_of(model.get_prices(at, TIERS[tier]))
    )
    if is_exact and not usage.audio_ms:
        assert cost.cost_usd == expected.quantize(PLACES), context
    else:
        assert abs(cost.cost_usd - expected) <= PLACES * len(cost.components), context


@given(all_usages(), INSTANTS, st.sampled_from(sorted(TIERS)))
@settings(max_examples=5, deadline=None)
def test_the_bill_is_what_genai_prices_calculates_for_every_model(
    usage: TokenUsage, at: datetime, tier: str
) -> None:
    for provider, model, name in NAMED:
        compare(provider, model, name, usage, at, tier)


@pytest.mark.parametrize("times", [1, 40], ids=["short", "long"])
def test_so_it_is_at_every_turn_of_every_dated_price_and_variant(times: int) -> None:
    """With something of every class, so that no price is left out."""
    usage = TokenUsage(**{name: times * count for name, count in OF_EVERY_CLASS.items()})
    turning = 0
    for provider, model, name in NAMED:
        if isinstance(model.prices, list) or model.price_variants:
            for at, tier in product(turning_points(model), TIERS):
                compare(provider, model, name, usage, at, tier)
                turning += 1
    assert turning > 1000


@given(st.sampled_from(NAMED), st.integers(-2, 2), st.booleans())
@settings(max_examples=200, deadline=None)
def test_so_it_is_at_both_sides_of_every_length(
    found: tuple[Provider, ModelInfo, str], beyond: int, is_cached: bool
) -> None:
    provider, model, name = found
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for value in model.get_prices(at).__dict__.values():
        for tier in value.tiers if isinstance(value, TieredPrices) else ():
            tokens = max(0, tier.start + beyond)
            usage = TokenUsage(
                input_tokens=tokens, cache_read_tokens=tokens if is_cached else 0, output_tokens=7
            )
            compare(provider, model, name, usage, at, "")


def test_every_name_finds_the_model_that_the_library_finds() -> None:
    """By its id, with a date that is written with and without hyphens, and at a provider that offers others' models."""
    snapshot = data_snapshot.get_snapshot()
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    found_elsewhere = 0
    for provider, model in MODELS:
        for name in (model.id, f"{model.id}-20260315"):
            for asked in (provider.id, "azure") if provider.id in ("openai", "anthropic") else (provider.id,):
                try:
                    expected = snapshot.find_provider_model(name, None, asked, None)[1].get_prices(at)
                except LookupError:
                    expected = None
                rates = BOOK.rates_at(asked, name.upper(), at)
                assert (rates is None) == (expected is None), (asked, name)
                if rates is not None and expected is not None:
                    assert base_of(expected.input_mtok) == (rates.input.base if rates.input else 0), name
                    found_elsewhere += asked != provider.id
    assert found_elsewhere > 50


def base_of(price: Decimal | TieredPrices | None) -> Decimal:
    return price.base if isinstance(price, TieredPrices) else price or Decimal(0)


def test_every_key_of_the_prices_is_known() -> None:
    """A new release may bring a unit that we do not bill yet: then this says so."""
    keys = set()
    for _, model in MODELS:
        prices = model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]
        for price in (*prices, *(model.price_variants or ())):
            assert price.constraint is None or isinstance(
                price.constraint, StartDateConstraint | TimeOfDateConstraint
            )
            keys |= {key for key, _ in amounts_of(price.prices)}
            audio = {amount for key, amount in amounts_of(price.prices) if key.endswith("audio_hours")}
            assert len(audio) < 2, f"{model.id} bills audio heard and spoken apart"
    assert keys <= CLASS_OF_PRICE.keys()
    assert keys >= {
        "cache_write_1h_mtok",
        "cache_audio_read_mtok",
        "output_image_mtok",
        "output_video_mtok",
        "output_citation_mtok",
        "audio_hours",
        "input_mchars",
        "input_annotated_document_kpages",
        "requests_kcount",
    }
    assert set(CLASS_OF_PRICE.values()) <= BY_NAME.keys()


@pytest.mark.parametrize("model", ["nobody-knows-this-model", ""])
def test_an_unknown_model_has_no_rates(model: str) -> None:
    assert BOOK.rates_at("openai", model, datetime.fromisoformat("2026-11-24T12:00:00Z")) is None


@pytest.fixture(autouse=True)
def _units_that_the_library_warns_of() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
