"""What holds for every bill, whatever the model, the usage, the moment and the tier."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from hypothesis import given, settings, strategies as st

from ingest.events.costs import CallCost
from ingest.money import PLACES
from ingest.pricing.bill import bill, worst_case
from ingest.pricing.book import GenaiPriceBook, shipped_list
from ingest.pricing.classes import BY_NAME, Group, Kind
from ingest.pricing.price import Question
from ingest.usage import TokenUsage
from tests.strategies import INSTANTS, all_usages

BOOK = GenaiPriceBook()
TIERS = ("", "default", "flex", "priority", "batch", "fast")


def names() -> list[tuple[str, str]]:
    """Provider and model, of every model of the list that is found by its id."""
    at = datetime.fromisoformat("2026-11-24T12:00:00Z")
    found = ((provider.id, model.id) for provider in shipped_list().providers for model in provider.models)
    return [name for name in found if BOOK.rates_at(*name, at) is not None]


SOME = st.sampled_from(names())


@given(SOME, all_usages(), INSTANTS, st.sampled_from(TIERS))
def test_the_parts_sum_to_the_whole(
    found: tuple[str, str], usage: TokenUsage, at: datetime, tier: str
) -> None:
    cost = bill(usage, BOOK.rates_at(*found, at, tier))
    assert cost.cost_usd == cost.input_cost_usd + cost.cache_cost_usd + cost.output_cost_usd
    assert cost.cost_usd == sum((line.cost_usd for line in cost.components), Decimal(0))
    if not cost.is_priced:
        return
    by_class = {line.token_class: line.quantity for line in cost.components}
    assert len(by_class) == len(cost.components)
    for whole, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
        parts = [name for name, found in BY_NAME.items() if whole in (name, *found.within)]
        if any(name in by_class for name in parts):
            assert sum(by_class.get(name, 0) for name in parts) == tokens
    for group in Group:
        lines = [line.cost_usd for line in cost.components if BY_NAME[line.token_class].group is group]
        assert sum(lines, Decimal(0)) == getattr(cost, f"{group}_cost_usd")


@given(SOME, all_usages(), INSTANTS)
def test_cached_tokens_are_never_billed_above_the_input_nor_twice(
    found: tuple[str, str], usage: TokenUsage, at: datetime
) -> None:
    """field-pain: cached tokens counted twice, at full price, or at zero."""
    cost = bill(usage, BOOK.rates_at(*found, at))
    lines = {line.token_class: line for line in cost.components}
    cached = [lines[name] for name in ("cache_read", "audio_cache_read", "image_cache_read") if name in lines]
    assert sum(line.quantity for line in cached) <= usage.cache_read_tokens
    written = [lines[name].quantity for name in ("cache_write", "cache_write_1h") if name in lines]
    assert sum(written) <= usage.cache_write_tokens
    if "input" in lines:
        billed = sum(line.quantity for line in cached) + sum(written)
        assert lines["input"].quantity <= usage.input_tokens - billed


@given(SOME, all_usages(), INSTANTS, st.integers(1, 100_000))
def test_more_output_never_costs_less(
    found: tuple[str, str], usage: TokenUsage, at: datetime, more: int
) -> None:
    rates = BOOK.rates_at(*found, at)
    one = bill(usage, rates)
    two = bill(msgspec.structs.replace(usage, output_tokens=usage.output_tokens + more), rates)
    if one.is_priced and two.is_priced:
        assert two.cost_usd >= one.cost_usd


@given(SOME, all_usages(), INSTANTS)
def test_no_usage_costs_more_than_the_worst_case(
    found: tuple[str, str], usage: TokenUsage, at: datetime
) -> None:
    rates = BOOK.rates_at(*found, at)
    assert rates is not None
    cost = bill(usage, rates)
    by_tokens = sum(
        (line.cost_usd for line in cost.components if BY_NAME[line.token_class].kind is Kind.TOKENS),
        Decimal(0),
    )
    worst = worst_case(usage.input_tokens, usage.output_tokens, rates)
    assert by_tokens <= worst + PLACES * len(cost.components)


@given(SOME, INSTANTS, st.sampled_from(TIERS))
def test_nothing_used_costs_nothing_but_the_request(found: tuple[str, str], at: datetime, tier: str) -> None:
    rates = BOOK.rates_at(*found, at, tier)
    assert rates is not None
    cost = bill(TokenUsage(), rates)
    assert cost.is_priced
    assert cost.cost_usd == (rates.request.base / 1000 if rates.request else 0)


@given(SOME, all_usages(), INSTANTS)
@settings(max_examples=50, deadline=None)
def test_a_kept_price_is_the_price_that_a_new_book_finds(
    found: tuple[str, str], usage: TokenUsage, at: datetime
) -> None:
    """The book of these tests has been asked for other moments before."""
    new_book = GenaiPriceBook(BOOK.listed)
    for tier in TIERS:
        kept = BOOK.price_at(Question(*found, at, tier))
        fresh = new_book.price_at(Question(*found, at, tier))
        assert kept is not None
        assert fresh is not None
        assert kept.rates == fresh.rates
        assert kept.cost(usage) == fresh.cost(usage)


@given(SOME, all_usages(), INSTANTS, st.sampled_from(["batch", "flex"]))
def test_a_cheaper_tier_is_never_dearer(
    found: tuple[str, str], usage: TokenUsage, at: datetime, tier: str
) -> None:
    standard, cheaper = (bill(usage, BOOK.rates_at(*found, at, name)) for name in ("", tier))
    assert standard.is_priced == cheaper.is_priced
    # Each line is rounded by itself, to a place that no invoice shows.
    assert cheaper.cost_usd <= standard.cost_usd + PLACES * len(cheaper.components)


@given(SOME, all_usages(), INSTANTS, st.sampled_from(TIERS))
def test_what_is_unpriced_costs_nothing_and_says_why(
    found: tuple[str, str], usage: TokenUsage, at: datetime, tier: str
) -> None:
    cost = bill(usage, BOOK.rates_at(*found, at, tier))
    if cost.is_priced:
        assert cost.price_version == BOOK.version
        assert cost.list_cost_usd == cost.cost_usd
    else:
        assert cost == CallCost(is_priced=False, unpriced_because=cost.unpriced_because)
        assert cost.unpriced_because
