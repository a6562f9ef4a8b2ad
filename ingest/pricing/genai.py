"""The list that the genai-prices package ships, as our own data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import cache

import genai_prices
from genai_prices import data_snapshot, types as theirs

from ingest.pricing.listing import (
    ALWAYS,
    AllOf,
    AnyOf,
    Clause,
    Contains,
    DatedPrice,
    Dates,
    EndsWith,
    Equals,
    ListedModel,
    ListedProvider,
    Matches,
    StartsWith,
    Variant,
)
from ingest.pricing.rates import Rate, Tier

RELEASE = f"genai-prices/{genai_prices.__version__}"

CLASS_OF_PRICE = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "audio_cache_read",
    "input_image_mtok": "image_input",
    "cache_image_read_mtok": "image_cache_read",
    "input_video_mtok": "video_input",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "audio_output",
    "output_image_mtok": "image_output",
    "output_video_mtok": "video_output",
    "output_citation_mtok": "citation",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search",
    "code_executions_kcount": "code_execution",
    "requests_kcount": "request",
    # The later one counts where a model has both: they are never different (a test says so).
    "audio_hours": "audio",
    "input_audio_hours": "audio",
    "input_mchars": "characters",
    "input_document_kpages": "page",
    "input_annotated_document_kpages": "annotated_page",
    "input_text_messages_kcount": "text_message",
}
"""Every price key of the data -> our class (a test says that none is missing)."""

# Billed for at least 10 seconds of audio (genai-prices 0.2.3, types.py, ModelInfo.calc_price; Groq's own pricing page,
# "Automatic Speech Recognition").
_LEAST_AUDIO_MS = {("groq", "whisper-large-v3"): 10_000, ("groq", "whisper-large-v3-turbo"): 10_000}


@cache
def shipped_providers() -> tuple[ListedProvider, ...]:
    """All providers of the release that is installed, in its order."""
    return tuple(_provider(provider) for provider in data_snapshot.get_snapshot().providers)


def _provider(provider: theirs.Provider) -> ListedProvider:
    return ListedProvider(
        id=provider.id,
        models=tuple(_model(provider.id, model) for model in provider.models),
        fallbacks=tuple(provider.fallback_model_providers or ()),
    )


def _model(provider: str, model: theirs.ModelInfo) -> ListedModel:
    prices = (
        model.prices if isinstance(model.prices, list) else [theirs.ConditionalPrice(prices=model.prices)]
    )
    return ListedModel(
        id=model.id,
        match=_clause(model.match),
        prices=tuple(DatedPrice(_rates(price.prices), _dates(price.constraint)) for price in prices),
        variants=tuple(
            Variant(dict(variant.when), _rates(variant.prices), _dates(variant.constraint))
            for variant in model.price_variants or ()
        ),
        context_window=model.context_window,
        least_audio_ms=_LEAST_AUDIO_MS.get((provider, model.id), 0),
    )


def _rates(price: theirs.ModelPrice) -> dict[str, Rate]:
    amounts: Mapping[str, object] = price.__dict__
    return {
        token_class: _rate(amounts[key])
        for key, token_class in CLASS_OF_PRICE.items()
        if amounts.get(key) is not None
    }


def _rate(price: object) -> Rate:
    if isinstance(price, theirs.TieredPrices):
        tiers = sorted((Tier(tier.start, tier.price) for tier in price.tiers), key=lambda tier: tier.above)
        return Rate(price.base, tuple(tiers))
    return Rate(price)  # type: ignore[arg-type]


def _dates(constraint: object) -> Dates:
    match constraint:
        case theirs.StartDateConstraint(start_date=starts):
            return Dates(starts=starts)
        case theirs.TimeOfDateConstraint(start_time=start, end_time=end):
            return Dates(daily=(_utc(start), _utc(end)))
        case _:
            return ALWAYS


def _utc(moment: time) -> time:
    if moment.tzinfo is None:
        return moment
    return datetime.combine(date(1970, 1, 1), moment).astimezone(UTC).time()


def _clause(match: theirs.MatchLogic) -> Clause:
    match match:
        case theirs.ClauseStartsWith(starts_with=text):
            return StartsWith(text)
        case theirs.ClauseEndsWith(ends_with=text):
            return EndsWith(text)
        case theirs.ClauseContains(contains=text):
            return Contains(text)
        case theirs.ClauseEquals(equals=text):
            return Equals(text)
        case theirs.ClauseRegex(regex=text):
            return Matches(text)
        case theirs.ClauseOr(or_=clauses):
            return AnyOf(tuple(_clause(one) for one in clauses))
        case theirs.ClauseAnd(and_=clauses):
            return AllOf(tuple(_clause(one) for one in clauses))
