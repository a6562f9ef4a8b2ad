"""Which own price holds: precedence, intervals, ends."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, strategies as st

from ingest.events.prices import PriceOverridden, PriceScope
from ingest.pricing.precedence import describe, rank
from tests.unit.ingest.pricing.prices import (
    AT,
    BEFORE,
    SOON,
    WHO,
    a_book,
    a_price,
    a_question,
    a_rate,
    an_end,
    fold,
)

A_TICK = timedelta(microseconds=1)


def winner(*prices: PriceOverridden) -> str | None:
    found = a_book(*prices).holding(a_question())
    return found.price_id if found else None


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ({"key_id": "k1"}, {"project": "web"}),
        ({"key_id": "k1"}, {"project": "web", "team": "search", "org": "acme", "model": "gpt"}),
        ({"project": "web"}, {"team": "search"}),
        ({"team": "search"}, {"org": "acme"}),
        ({"org": "acme"}, {"provider": "openai", "model": "gpt"}),
        ({"team": "search", "org": "acme"}, {"team": "search"}),
        ({"team": "search"}, {}),
        ({"model": "gpt"}, {"provider": "openai"}),
        ({"provider": "openai", "model": "gpt"}, {"model": "gpt"}),
        ({"provider": "openai"}, {}),
    ],
)
def test_the_most_specific_scope_wins_whatever_the_order(
    stronger: dict[str, str], weaker: dict[str, str]
) -> None:
    strong, weak = a_price("strong", **stronger), a_price("weak", effective_from=AT, **weaker)
    assert winner(strong, weak) == winner(weak, strong) == "strong"


def test_a_model_as_it_was_called_goes_before_one_that_covers_it() -> None:
    exact, family = a_price("exact", model="gpt-2026-01-01"), a_price("family", model="gpt")
    book = a_book(exact, family)
    dated, plain = (book.holding(a_question(model)) for model in ("gpt-2026-01-01", "gpt"))
    assert dated is not None
    assert plain is not None
    assert (dated.price_id, plain.price_id) == ("exact", "family")


def test_then_the_one_that_began_last_and_then_the_one_that_was_defined_last() -> None:
    old, new = a_price("old"), a_price("new", effective_from=BEFORE + A_TICK)
    assert winner(old, new) == winner(new, old) == "new"
    assert winner(a_price("first"), a_price("second")) == "second"


@pytest.mark.parametrize(
    "scope",
    [
        {"key_id": "k2"},
        {"project": "app"},
        {"team": "ads"},
        {"org": "other"},
        {"provider": "gemini"},
        {"model": "gpt-mini"},
    ],
)
def test_a_scope_that_does_not_cover_the_call_does_not_count(scope: dict[str, str]) -> None:
    assert winner(a_price(**scope)) is None


def test_an_interval_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    book = a_book(a_price(effective_from=AT, effective_to=SOON))
    for at, holds in ((AT - A_TICK, False), (AT, True), (SOON - A_TICK, True), (SOON, False)):
        assert (book.holding(a_question(at=at)) is not None) is holds


def test_ending_a_price_restores_what_was_before() -> None:
    before, after = a_price("before"), a_price("after", effective_from=BEFORE + A_TICK)
    book = a_book(before, after, an_end("after", AT))
    past, now = book.holding(a_question(at=AT - A_TICK)), book.holding(a_question(at=AT))
    assert past is not None
    assert now is not None
    assert (past.price_id, now.price_id) == ("after", "before")


def test_an_end_only_shortens_and_the_newest_end_counts() -> None:
    price = a_price("p", effective_to=AT)
    assert fold(price, an_end("p", SOON)).prices[0].ends_at == AT
    assert fold(price, an_end("p", BEFORE)).prices[0].ends_at == BEFORE
    ended = a_price("q")
    assert fold(ended, an_end("q", AT), an_end("q", SOON)).prices[0].ends_at == SOON
    # An end before its price, as compaction may leave them, and one of a price that is not there.
    assert fold(an_end("q", AT), ended, an_end("nothing", AT)).prices[0].ends_at == AT


def test_a_price_is_never_edited() -> None:
    own = fold(a_price("p"), a_price("p", hourly=5))
    assert own.prices[0].definition == a_price("p")


def test_an_event_that_comes_again_changes_nothing() -> None:
    own = fold(a_price("p"), a_rate("EUR", "1.1"))
    assert own.apply(a_price("q"), 1) is False
    assert [price.price_id for price in own.prices] == ["p"]


def test_the_past_can_be_asked_for() -> None:
    own = fold(a_price("p"), an_end("p", AT), a_price("q"), a_rate("EUR", "1.1"))
    assert own.as_of(-1).prices == []
    assert [price.ends_at for price in own.as_of(0).prices] == [None]
    assert [price.price_id for price in own.as_of(1).prices] == ["p"]
    assert own.as_of(2).exchange_rates == []
    assert len(own.as_of(9).prices) == 2
    snapshot = own.as_of(3)
    own.apply(a_price("r"), 4)
    assert len(snapshot.prices) == 2


def test_exchange_rates_hold_from_their_date_until_the_next() -> None:
    own = fold(a_rate("EUR", "1.2", SOON), a_rate("EUR", "1.1", BEFORE), a_rate("EUR", "1.15", BEFORE))
    first = own.exchange_rate("EUR", AT)
    assert first is not None
    assert (str(first.usd), first.holds_from, first.holds_to) == ("1.15", BEFORE, SOON)
    later = own.exchange_rate("EUR", SOON)
    assert later is not None
    assert (str(later.usd), later.holds_to) == ("1.2", None)
    assert own.exchange_rate("EUR", BEFORE - A_TICK) is None
    assert own.exchange_rate("GBP", AT) is None
    dollar = own.exchange_rate("USD", AT)
    assert dollar is not None
    assert dollar.usd == 1


def test_a_scope_in_words() -> None:
    assert describe(PriceScope()) == "every call"
    assert describe(PriceScope(provider="openai")) == "any model of openai"
    assert describe(PriceScope("openai", "gpt", team="search")) == "team search, model gpt of openai"
    assert describe(PriceScope(model="gpt", key_id="k")) == "key k, model gpt"


_VALUES = {
    "provider": ["", "openai"],
    "model": ["", "gpt", "GPT", "gpt-2026-01-01"],
    "org": ["", "acme"],
    "team": ["", "search", "ads"],
    "project": ["", "web"],
    "key_id": ["", "k1"],
}


@st.composite
def prices(draw: st.DrawFn) -> list[PriceOverridden]:
    scopes = draw(
        st.lists(
            st.fixed_dictionaries({name: st.sampled_from(values) for name, values in _VALUES.items()}),
            min_size=1,
            max_size=8,
        )
    )
    starts = st.sampled_from([BEFORE, BEFORE + A_TICK, AT, SOON])
    return [a_price(f"p{n}", effective_from=draw(starts), **scope) for n, scope in enumerate(scopes)]


@given(prices(), st.randoms(use_true_random=False))
def test_precedence_is_total_and_does_not_depend_on_the_order_of_asking(
    some: list[PriceOverridden], shuffle: random.Random
) -> None:
    models = ("gpt-2026-01-01",)
    ranked = {p.price_id: r for p in fold(*some).prices if (r := rank(p, "openai", models, WHO)) is not None}
    assert len(set(ranked.values())) == len(ranked)
    # What began before the others may be listed after them: the order of asking is not that of the definitions.
    names = list(ranked)
    shuffle.shuffle(names)
    names.sort(key=lambda name: ranked[name], reverse=True)
    assert [p.price_id for p in fold(*some).candidates("openai", models, WHO)] == names
    assert set(names) == {p.price_id for p in some if p.scope.team in ("", "search")}


@given(prices(), st.lists(st.sampled_from([BEFORE, BEFORE + A_TICK, AT, SOON - A_TICK, SOON]), min_size=1))
def test_what_is_remembered_is_what_would_be_found(
    some: list[PriceOverridden], moments: list[datetime]
) -> None:
    """One book that is asked many times answers as a new one does each time."""
    ended = [
        msgspec.structs.replace(p, effective_to=SOON) if n % 2 and p.effective_from < SOON else p
        for n, p in enumerate(some)
    ]
    book = a_book(*ended)
    for at in moments:
        for model in ("gpt", "gpt-2026-01-01"):
            question = a_question(model, at)
            asked, fresh = book.price_at(question), a_book(*ended).price_at(question)
            assert (asked and asked.version) == (fresh and fresh.version)
            holding = book.holding(question)
            if holding is not None:
                assert asked is not None
                assert asked.version == f"own/{holding.price_id}"
