"""Which changes of a price list need a person's eyes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.pricing.book import PriceList, shipped_list
from ingest.pricing.listing import ALWAYS, DatedPrice, Dates, Equals, ListedModel, ListedProvider, Variant
from ingest.pricing.plausibility import Change, compare, held_models, is_plausible, rates_by_model
from ingest.pricing.rates import Rate, Tier
from ingest.pricing.supplement import Entry

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def rate(amount: str, **tiers: str) -> Rate:
    return Rate(Decimal(amount), tuple(Tier(int(above[1:]), Decimal(tier)) for above, tier in tiers.items()))


def provider(**models: dict[str, Rate]) -> ListedProvider:
    return ListedProvider(
        "acme",
        tuple(ListedModel(name, Equals(name), (DatedPrice(rates),)) for name, rates in models.items()),
    )


def changes(before: ListedProvider, after: ListedProvider) -> list[Change]:
    return compare(rates_by_model(listing(before), AT), rates_by_model(listing(after), AT))


def listing(provider: ListedProvider, *supplement: Entry) -> PriceList:
    return PriceList("list/1", (provider,), supplement)


@pytest.mark.parametrize(
    ("old", "new", "plausible"),
    [
        ("1", "5", True),
        ("1", "5.000001", False),
        ("5", "1", True),
        ("5.000001", "1", False),
        ("1", "0", False),
        ("0", "1", True),
        ("0", "0", True),
        (None, "1000", True),
        ("1", None, False),
        ("0", None, False),
    ],
)
def test_the_limits(old: str | None, new: str | None, plausible: bool) -> None:
    def amount(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    assert is_plausible(amount(old), amount(new)) is plausible


@given(st.decimals("0.000001", 10**6, places=6), st.decimals("0.000001", 10**6, places=6))
def test_up_and_down_are_judged_alike(one: Decimal, other: Decimal) -> None:
    assert is_plausible(one, other) is is_plausible(other, one)
    assert is_plausible(one, other) is (Decimal("0.2") <= one / other <= 5)


def test_a_list_is_like_itself() -> None:
    rates = rates_by_model(shipped_list(), AT)
    assert len(rates) > 500
    assert compare(rates, rates) == []


def test_every_difference_is_told() -> None:
    before = provider(
        same={"input": rate("1")},
        moved={"input": rate("1"), "output": rate("2"), "cache_read": rate("3")},
        gone={"input": rate("1")},
        tiers={"input": rate("1", _200000="2")},
    )
    after = provider(
        same={"input": rate("1.0")},
        moved={"input": rate("1.5"), "output": rate("20"), "audio_input": rate("7")},
        new={"input": rate("1")},
        tiers={"input": rate("1", _200000="20", _500000="3")},
    )
    found = {(c.model, c.rate): (c.old, c.new, c.factor, c.is_held) for c in changes(before, after)}
    assert found == {
        ("acme/moved", "input"): (Decimal(1), Decimal("1.5"), Decimal("1.5"), False),
        ("acme/moved", "output"): (Decimal(2), Decimal(20), Decimal(10), True),
        ("acme/moved", "cache_read"): (Decimal(3), None, None, True),
        ("acme/moved", "audio_input"): (None, Decimal(7), None, False),
        ("acme/gone", "input"): (Decimal(1), None, None, True),
        ("acme/new", "input"): (None, Decimal(1), None, False),
        ("acme/tiers", "input above 200000"): (Decimal(2), Decimal(20), Decimal(10), True),
        ("acme/tiers", "input above 500000"): (None, Decimal(3), None, False),
    }
    assert held_models(changes(before, after)) == {"acme/moved", "acme/gone", "acme/tiers"}


def test_prices_of_another_tier_and_of_another_day_are_looked_at_too() -> None:
    def listed(batch: str, later: str) -> ListedProvider:
        prices = (
            DatedPrice({"input": rate("1")}),
            DatedPrice({"input": rate(later)}, Dates(starts=date(2027, 1, 1))),
        )
        variant = Variant({"processing": "batch"}, {"input": rate(batch)}, ALWAYS)
        return ListedProvider("acme", (ListedModel("m", Equals("m"), prices, (variant,)),))

    assert changes(listed("0.5", "2"), listed("0.5", "2")) == []
    (batch,) = changes(listed("0.5", "2"), listed("0.05", "2"))
    (later,) = changes(listed("0.5", "2"), listed("0.5", "2000"))
    assert (batch.model, batch.rate, batch.is_held) == ("acme/m", "input (batch)", True)
    assert (later.model, later.rate, later.is_held) == ("acme/m", "input (later)", True)


def test_what_is_added_to_the_list_is_looked_at_too() -> None:
    def added(**how: Any) -> Entry:
        day = date(2026, 1, 1)
        return Entry("acme", "m|n", day, "acme's price page", day, **how)

    model = provider(m={"input": rate("1")}, other={"input": rate("1")})
    before = rates_by_model(listing(model, added(tier="batch", factor=Decimal("0.5"))), AT)
    after = rates_by_model(listing(model, added(tier="batch", factor=Decimal("0.05"))), AT)
    (factor,) = compare(before, after)
    assert (factor.model, factor.rate, factor.is_held) == ("acme/m", "factor (batch, added)", True)
    fee = rates_by_model(listing(model, added(rates={"web_search": Decimal(10)})), AT)
    assert [(c.model, c.rate, c.is_held) for c in compare(before, fee)] == [
        ("acme/m", "web_search (added)", False),
        ("acme/m", "factor (batch, added)", True),
    ]


def test_what_is_added_for_a_tier_does_not_hide_the_lists_own_price_of_it() -> None:
    day = date(2026, 1, 1)
    half = Entry("acme", ".*", day, "acme's price page", day, tier="batch", factor=Decimal("0.5"))
    stays = Entry(
        "acme", ".*", day, "s", day, tier="batch", factor=Decimal("0.5"), but_not_classes=("cache_read",)
    )

    def listed(batch: str, *entries: Entry) -> PriceList:
        variant = Variant({"processing": "batch"}, {"input": rate(batch)})
        model = ListedModel("m", Equals("m"), (DatedPrice({"input": rate("1")}),), (variant,))
        return listing(ListedProvider("acme", (model,)), *entries)

    before, after = (rates_by_model(listed(batch, half), AT) for batch in ("0.5", "500"))
    (change,) = compare(before, after)
    assert (change.rate, change.is_held) == ("input (batch)", True)
    # Of entries for one tier the first counts, and what it leaves out is told.
    (change,) = compare(before, rates_by_model(listed("0.5", stays, half), AT))
    assert change.rate == "factor of cache_read (batch, added)"
    assert compare(before, rates_by_model(listed("0.5", half, stays), AT)) == []
