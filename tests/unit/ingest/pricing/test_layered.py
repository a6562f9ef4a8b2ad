"""What calls cost with prices of one's own above a list."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.events.costs import CallCost
from ingest.events.prices import PriceEvent
from ingest.pricing.book import GenaiPriceBook
from ingest.pricing.classes import BY_NAME, Group
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.layered import LayeredBook
from ingest.pricing.price import Question
from ingest.pricing.rates import Rates
from ingest.usage import NO_USAGE, TokenUsage
from tests.strategies import usages
from tests.unit.ingest.pricing.prices import (
    AT,
    BEFORE,
    LIST,
    SOON,
    SmallList,
    a_book,
    a_price,
    a_question,
    a_rate,
    an_end,
    fold,
)

MILLION = TokenUsage(input_tokens=1_000_000, output_tokens=1_000_000)
A_TICK = timedelta(microseconds=1)


def cost(
    *events: PriceEvent, usage: TokenUsage = MILLION, latency_ms: int = 0, question: Question | None = None
) -> CallCost:
    price = a_book(*events).price_at(question or a_question())
    assert price is not None
    return price.cost(usage, latency_ms)


def test_without_own_prices_the_list_answers() -> None:
    assert cost() == CompiledPrice(_listed()).cost(MILLION)
    assert a_book().price_at(a_question("unknown")) is None


def _listed() -> Rates:
    rates = LIST.rates_at("openai", "gpt", AT)
    assert rates is not None
    return rates


def test_negotiated_rates_beside_the_list_price() -> None:
    own = cost(a_price("deal"))
    # $1 + $4 instead of $2 + $8.
    assert (own.cost_usd, own.list_cost_usd, own.price_version) == (Decimal(5), Decimal(10), "own/deal")
    assert own.is_priced
    assert (own.input_cost_usd, own.output_cost_usd) == (Decimal(1), Decimal(4))


def test_a_model_that_the_list_does_not_have_costs_its_own_price_before_discounts_too() -> None:
    own = cost(a_price("llama"), question=a_question("llama-70b"))
    assert (own.cost_usd, own.list_cost_usd) == (Decimal(5), Decimal(5))


def test_a_class_without_an_own_rate_is_billed_with_the_class_that_contains_it() -> None:
    usage = TokenUsage(input_tokens=1_000_000, cache_read_tokens=400_000)
    assert cost(a_price(), usage=usage).cost_usd == 1


def test_what_has_no_own_rate_at_all_is_unpriced_and_says_so() -> None:
    own = cost(a_price("in-only", rates={"input": Decimal(1)}))
    assert not own.is_priced
    assert own.cost_usd == 0
    assert "no rate for all of input_tokens, output_tokens" in own.unpriced_because


def test_images_cost_their_own_rate_for_a_thousand() -> None:
    # $40 for 1,000: three are $0.12
    own = cost(a_price(rates={"image": Decimal(40)}), usage=TokenUsage(images=3))
    assert (own.cost_usd, own.output_cost_usd) == (Decimal("0.12"), Decimal("0.12"))


def test_a_zero_price_is_a_price() -> None:
    own = cost(a_price("free", rates={"input": Decimal(0), "output": Decimal(0)}))
    assert own.is_priced
    assert (own.cost_usd, own.list_cost_usd, own.price_version) == (Decimal(0), Decimal(10), "own/free")


def test_a_discount_is_taken_off_each_line_of_the_list_price() -> None:
    usage = TokenUsage(
        input_tokens=1_000_000, cache_read_tokens=600_000, output_tokens=500_000, web_searches=3
    )
    own = cost(a_price("deal", discount_percent=Decimal("12.5")), usage=usage)
    # List: 0.4 x $2 + 0.6 x $0.5 + 0.5 x $8 + 3 x $0.01 = 0.8 + 0.3 + 4 + 0.03; less an eighth.
    assert own.list_cost_usd == Decimal("5.13")
    assert own.cost_usd == Decimal("4.48875")
    assert (own.input_cost_usd, own.cache_cost_usd, own.output_cost_usd) == (
        Decimal("0.72625"),
        Decimal("0.2625"),
        Decimal("3.5"),
    )
    assert own.price_version == "list/1+own/deal"
    assert {line.token_class: line.unit_price_usd for line in own.components} == {
        "cache_read": Decimal("0.4375"),
        "input": Decimal("1.75"),
        "output": Decimal(7),
        "web_search": Decimal("8.75"),
    }


def test_a_surcharge_is_a_negative_discount() -> None:
    assert cost(a_price(discount_percent=Decimal(-20))).cost_usd == 12


def test_a_full_discount_costs_nothing_and_is_priced() -> None:
    own = cost(a_price(discount_percent=Decimal(100)))
    assert (own.cost_usd, own.list_cost_usd, own.is_priced) == (Decimal(0), Decimal(10), True)


def test_a_discount_leaves_the_least_time_of_audio() -> None:
    # Groq: $0.111 an hour, at least 10 s. Half of 10 / 3,600 x 0.111
    book = LayeredBook(GenaiPriceBook(), fold(a_price("half", discount_percent=Decimal(50))))
    price = book.price_at(Question("groq", "whisper-large-v3", AT))
    assert price is not None
    assert price.cost(TokenUsage(audio_ms=3000)).cost_usd == Decimal("0.000154166667")


def test_a_discount_on_what_has_no_list_price_is_no_price() -> None:
    assert a_book(a_price(discount_percent=Decimal(10))).price_at(a_question("unknown")) is None


def test_a_server_by_the_hour_is_paid_by_the_time_a_call_took() -> None:
    # $3 an hour, shared by 8 calls at a time; 12 seconds.
    own = cost(a_price("gpu", hourly=Decimal(3), slots=8), latency_ms=12_000)
    assert own.cost_usd == Decimal("0.00125")
    assert (own.list_cost_usd, own.price_version) == (Decimal(10), "own/gpu")
    (line,) = own.components
    assert (line.token_class, line.quantity, line.unit_price_usd, line.per) == (
        "server_time",
        12_000,
        Decimal(3),
        28_800_000,
    )
    assert own.input_cost_usd == own.cost_usd


def test_server_time_needs_no_usage() -> None:
    own = cost(a_price(hourly=Decimal(3)), latency_ms=1_200_000, usage=NO_USAGE)
    assert (own.cost_usd, own.is_priced) == (Decimal(1), True)


def test_what_costs_nothing_or_goes_by_time_needs_no_usage() -> None:
    free = {"input": Decimal(0), "output": Decimal(0)}
    ways: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"rates": free}, False),
        ({"hourly": Decimal(1)}, False),
        ({"discount_percent": Decimal(100)}, True),
        ({"currency": "EUR"}, True),
    ]
    for way, needs_usage in ways:
        price = a_book(a_price(**way)).price_at(a_question())
        assert price is not None
        assert price.needs_usage is needs_usage


def test_a_price_may_name_the_model_as_it_was_asked_for() -> None:
    book = a_book(a_price("deployment", model="our-gpt"))
    answered = a_question("gpt", asked="our-gpt")
    assert [p and p.version for p in (book.price_at(answered), book.price_at(a_question("gpt")))] == [
        "own/deployment",
        "list/1",
    ]


def test_another_currency_at_the_rate_of_the_calls_time() -> None:
    events = (a_price("eu", currency="EUR"), a_rate("EUR", "1.10", BEFORE), a_rate("EUR", "1.20", AT))
    now, before = cost(*events), cost(*events, question=a_question(at=AT - A_TICK))
    assert (now.cost_usd, before.cost_usd) == (Decimal(6), Decimal("5.5"))
    assert now.price_version == f"own/eu+EUR/{AT.isoformat()}"
    assert before.price_version == f"own/eu+EUR/{BEFORE.isoformat()}"
    hour = cost(a_price(hourly=Decimal(10), currency="EUR"), *events[1:], latency_ms=360_000)
    assert hour.cost_usd == Decimal("1.2")


def test_what_is_kept_of_a_currency_ends_when_its_next_rate_begins() -> None:
    book = a_book(a_price("eu", currency="EUR"), a_rate("EUR", "1.10", BEFORE), a_rate("EUR", "1.20", AT))
    moments = (AT - A_TICK, AT, AT - A_TICK)
    prices = [book.price_at(a_question(at=at)) for at in moments]
    assert [price and price.cost(MILLION).cost_usd for price in prices] == [
        Decimal("5.5"),
        Decimal(6),
        Decimal("5.5"),
    ]


def test_without_an_exchange_rate_a_call_is_unpriced_and_never_free() -> None:
    for events in ((), (a_rate("EUR", "1.1", SOON),), (a_rate("GBP", "1.3"),)):
        own = cost(a_price("eu", currency="EUR"), *events)
        assert (own.is_priced, own.cost_usd) == (False, Decimal(0))
        assert "own/eu is in EUR, and no exchange rate of EUR holds" in own.unpriced_because
    book = a_book(a_price("eu", currency="EUR"), a_rate("EUR", "1.1", SOON))
    assert [
        price.cost(MILLION).is_priced for at in (AT, SOON, AT) if (price := book.price_at(a_question(at=at)))
    ] == [False, True, False]
    nothing_used = cost(a_price("eu", currency="EUR"), usage=NO_USAGE)
    assert nothing_used.is_priced


def test_prices_are_for_whom_they_are_for() -> None:
    book = a_book(a_price("theirs", team="ads"))
    question = a_question()
    assert question.who is not None
    asked = [book.price_at(q) for q in (question, question._replace(who=None))]
    assert [price and price.version for price in asked] == ["list/1", "list/1"]


def test_an_own_price_begins_and_ends_for_calls_by_their_start() -> None:
    book = a_book(a_price("p", effective_from=AT), an_end("p", SOON))
    versions = [
        price.version
        for at in (AT - A_TICK, AT, SOON - A_TICK, SOON, AT)
        if (price := book.price_at(a_question(at=at)))
    ]
    assert versions == ["list/1", "own/p", "own/p", "list/1", "own/p"]


def test_what_the_list_says_of_a_model_is_still_to_be_had() -> None:
    book = a_book(a_price())
    assert book.rates_at("openai", "gpt", AT) == _listed()
    assert book.context_window("openai", "gpt") == 1000


FULL = SmallList(openai__gpt={name: f"{n}.{n}7" for n, name in enumerate(BY_NAME, 1)})


@given(usages(), st.integers(0, 10**7))
def test_a_discount_of_nothing_is_the_list_price(usage: TokenUsage, latency_ms: int) -> None:
    listed = FULL.price_at(a_question())
    assert listed is not None
    own = a_book(a_price("p", discount_percent=Decimal(0)), list_book=FULL).price_at(a_question())
    assert own is not None
    cost, plain = own.cost(usage, latency_ms), listed.cost(usage, latency_ms)
    assert cost.cost_usd == plain.cost_usd == cost.list_cost_usd
    assert cost.components == plain.components
    assert cost.price_version == "list/1+own/p"


@given(
    usages(),
    st.integers(0, 10**9),
    st.one_of(
        st.fixed_dictionaries({"discount_percent": st.decimals(-1000, 100, places=5)}),
        st.fixed_dictionaries({"hourly": st.decimals(0, 10**6, places=6), "slots": st.integers(1, 1000)}),
        st.fixed_dictionaries(
            {"rates": st.fixed_dictionaries({name: st.decimals(0, 10**6, places=9) for name in BY_NAME})}
        ),
    ),
    st.decimals("0.000001", 10**6, places=6),
)
def test_the_parts_sum_to_the_whole(
    usage: TokenUsage, latency_ms: int, way: dict[str, Any], rate: Decimal
) -> None:
    book = a_book(a_price(**way, currency="EUR"), a_rate("EUR", f"{rate:f}"), list_book=FULL)
    price = book.price_at(a_question())
    assert price is not None
    own = price.cost(usage, latency_ms)
    assert own.cost_usd == own.input_cost_usd + own.cache_cost_usd + own.output_cost_usd
    assert own.cost_usd == sum(line.cost_usd for line in own.components)
    if "hourly" not in way:
        for group, part in (
            (Group.INPUT, own.input_cost_usd),
            (Group.CACHE, own.cache_cost_usd),
            (Group.OUTPUT, own.output_cost_usd),
        ):
            assert part == sum(
                line.cost_usd for line in own.components if BY_NAME[line.token_class].group is group
            )


@pytest.mark.parametrize("way", [{"hourly": Decimal(1)}, {"discount_percent": Decimal(1)}, {}])
def test_counts_that_contradict_each_other_are_refused(way: dict[str, Any]) -> None:
    from ingest.errors import InvalidUsage

    with pytest.raises(InvalidUsage):
        cost(a_price(**way), usage=TokenUsage(input_tokens=1, cache_read_tokens=2))
