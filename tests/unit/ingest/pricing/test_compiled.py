"""The arithmetic of a compiled price, on rates that are made to be awkward."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from ingest.errors import InvalidInput, InvalidUsage
from ingest.events.costs import CallCost
from ingest.pricing.bill import bill, worst_case
from ingest.pricing.classes import BY_NAME, CLASSES
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.rates import Rate, Rates, Tier, rates_of
from ingest.usage import NO_USAGE, TokenUsage


def price(**rates: str) -> CompiledPrice:
    return CompiledPrice(rates_of("made/1", {name: Decimal(amount) for name, amount in rates.items()}))


def quantities(cost: CallCost) -> dict[str, int]:
    return {line.token_class: line.quantity for line in cost.components}


@pytest.mark.parametrize(
    ("tokens", "pico"), [(1, 0), (2, 1), (3, 2), (5, 2), (7, 4), (9, 4), (10**12 + 1, 500_000_000_000)]
)
def test_half_a_picodollar_goes_to_the_even_one(tokens: int, pico: int) -> None:
    """$0.0000005 for a million tokens is half a picodollar for one."""
    cost = price(input="0.0000005").cost(TokenUsage(input_tokens=tokens))
    assert cost.cost_usd == Decimal(pico).scaleb(-12)
    assert cost.cost_usd.as_tuple().exponent == -12


def test_each_line_is_rounded_once_and_the_sum_is_exact() -> None:
    """A third of a picodollar each: three lines of 0, not one of 1."""
    third = "0.0000003333333333333333"
    cost = price(input=third, cache_read=third, output=third).cost(
        TokenUsage(input_tokens=2, cache_read_tokens=1, output_tokens=1)
    )
    assert cost.cost_usd == 0
    assert len(cost.components) == 3


def test_audio_by_the_hour_is_rounded_half_even() -> None:
    """$1 an hour is 277,777.777… picodollars a millisecond."""
    cost = price(audio="1").cost(TokenUsage(audio_ms=1))
    assert cost.cost_usd == Decimal("0.000000277778")


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({"input": "1", "cache_read": "1", "audio_input": "1", "audio_cache_read": "1"}, (40, 20, 10, 30)),
        # Cached audio without a rate of its own is billed as cached, and not as audio too.
        ({"input": "1", "cache_read": "1", "audio_input": "1"}, (40, 50, 10, 0)),
        ({"input": "1", "audio_input": "1"}, (60, 0, 40, 0)),
        ({"input": "1", "cache_read": "1"}, (50, 50, 0, 0)),
        ({"input": "1", "audio_cache_read": "1"}, (70, 0, 0, 30)),
        ({"input": "1"}, (100, 0, 0, 0)),
    ],
)
def test_a_class_without_a_rate_is_billed_with_the_class_around_it(
    rates: dict[str, str], expected: tuple[int, int, int, int]
) -> None:
    """100 tokens: 50 from the cache, 40 audio, 30 of them both."""
    usage = TokenUsage(
        input_tokens=100, cache_read_tokens=50, audio_input_tokens=40, audio_cache_read_tokens=30
    )
    found = quantities(price(**rates).cost(usage))
    names = ("input", "cache_read", "audio_input", "audio_cache_read")
    assert tuple(found.get(name, 0) for name in names) == expected


def test_an_overlap_that_nobody_told_of_is_never_billed_twice() -> None:
    """80 cached and 80 audio among 100: at least 60 are both."""
    usage = TokenUsage(input_tokens=100, cache_read_tokens=80, audio_input_tokens=80)
    found = quantities(price(input="1", cache_read="1", audio_input="1").cost(usage))
    assert found == {"cache_read": 80, "audio_input": 20}


def test_one_hour_writes_without_a_rate_are_billed_as_writes() -> None:
    usage = TokenUsage(input_tokens=10, cache_write_tokens=10, cache_write_1h_tokens=4)
    assert quantities(price(input="1", cache_write="2").cost(usage)) == {"cache_write": 10}
    assert quantities(price(input="1", cache_write="2", cache_write_1h="3").cost(usage)) == {
        "cache_write_1h": 4,
        "cache_write": 6,
    }


@pytest.mark.parametrize(
    ("rates", "usage"),
    [
        ({"input": "1"}, TokenUsage(input_tokens=5, output_tokens=1)),
        ({"input": "1", "output": "1"}, TokenUsage(pages=1)),
        ({"page": "1"}, TokenUsage(input_tokens=5)),
        ({"audio": "1"}, TokenUsage(input_tokens=5, output_tokens=5)),
        ({"request": "1"}, TokenUsage(input_tokens=5)),
        ({"input": "1", "output": "1"}, TokenUsage(images=2)),
    ],
)
def test_what_has_no_rate_is_unpriced_and_never_free(rates: dict[str, str], usage: TokenUsage) -> None:
    cost = price(**rates).cost(usage)
    assert not cost.is_priced
    assert cost.cost_usd == 0
    assert "no rate" in cost.unpriced_because


@pytest.mark.parametrize(
    ("rates", "usage", "billed"),
    [
        # Billed by time: the tokens that are told of too cost nothing.
        ({"audio": "1"}, TokenUsage(input_tokens=5, output_tokens=9, audio_ms=10), {"audio": 10}),
        # Billed by tokens: so do the images.
        ({"input": "1", "output": "1"}, TokenUsage(output_tokens=5, images=2), {"output": 5}),
        # A tool without a known fee stands on the bill at 0.
        ({"input": "1"}, TokenUsage(input_tokens=5, web_searches=2), {"input": 5, "web_search": 2}),
        ({"input": "1", "request": "1"}, NO_USAGE, {"request": 1}),
        ({"input": "1"}, NO_USAGE, {}),
    ],
)
def test_what_is_billed(rates: dict[str, str], usage: TokenUsage, billed: dict[str, int]) -> None:
    cost = price(**rates).cost(usage)
    assert cost.is_priced
    assert quantities(cost) == billed


def test_short_audio_is_billed_at_the_least_and_none_at_nothing() -> None:
    least = CompiledPrice(Rates("made/1", audio=Rate(Decimal("3.6")), least_audio_ms=10_000))
    assert least.cost(TokenUsage(audio_ms=1)).cost_usd == Decimal("0.01")
    assert least.cost(TokenUsage(audio_ms=10_001)).cost_usd == Decimal("0.010001")
    assert least.cost(NO_USAGE).cost_usd == 0


def test_classes_may_have_thresholds_of_their_own() -> None:
    rates = Rates(
        "made/1",
        input=Rate(Decimal(1), (Tier(10, Decimal(2)), Tier(30, Decimal(3)))),
        output=Rate(Decimal(1), (Tier(20, Decimal(5)),)),
    )
    compiled = CompiledPrice(rates)
    for tokens, expected in ((10, 11), (11, 23), (20, 41), (21, 47), (30, 65), (31, 98)):
        cost = compiled.cost(TokenUsage(input_tokens=tokens, output_tokens=1))
        assert cost.cost_usd == Decimal(expected).scaleb(-6)


def test_contradictions_and_impossible_sums_are_refused() -> None:
    with pytest.raises(InvalidUsage, match="cannot exceed"):
        price(input="1").cost(TokenUsage(input_tokens=1, cache_read_tokens=2))
    with pytest.raises(InvalidUsage, match="1e26 USD"):
        price(input="1").cost(TokenUsage(input_tokens=10**33))


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_a_rate_is_an_amount(amount: str) -> None:
    with pytest.raises(InvalidInput, match="must be 0 or more"):
        rates_of("made/1", {"input": Decimal(amount)})


def test_a_rate_is_for_a_class() -> None:
    with pytest.raises(InvalidInput, match="'tokens' is no class"):
        rates_of("made/1", {"tokens": Decimal(1)})


def test_the_fields_of_rates_are_the_classes() -> None:
    names = {found.name for found in CLASSES}
    assert {*Rates.__struct_fields__} - {"version", "least_audio_ms"} == names
    assert {found.counts for found in CLASSES} - {""} == {*TokenUsage.__struct_fields__}


def test_without_a_price_only_nothing_is_free() -> None:
    assert bill(NO_USAGE, None) == CallCost()
    for found in CLASSES:
        if found.counts:
            around = {BY_NAME[name].counts: 9 for name in found.within}
            assert not bill(TokenUsage(**{**around, found.counts: 1}), None).is_priced


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_worst_case_of_a_speech_model_bounds_its_characters(characters: int, output: int) -> None:
    """A character is at least one byte of the request, which is what the gateway's hold goes by."""
    rates = Rates("made/1", characters=Rate(Decimal("15")))
    cost = CompiledPrice(rates).cost(TokenUsage(characters=characters))
    assert cost.cost_usd <= worst_case(characters, output, rates)
