"""The book of list prices: its version, its data, and how long a price that was found is kept."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import msgspec
import pytest

from ingest.errors import InvalidInput
from ingest.pricing.book import (
    GenaiPriceBook,
    PriceList,
    book_from_data,
    list_data,
    list_version,
    shipped_list,
    version_of,
)
from ingest.pricing.listing import DatedPrice, Dates, Equals, ListedModel, ListedProvider, StartsWith, Variant
from ingest.pricing.price import Question
from ingest.pricing.rates import Rate
from ingest.usage import TokenUsage

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
ONE = TokenUsage(input_tokens=1_000_000)


def at_rate(rate: int) -> dict[str, Rate]:
    return {"input": Rate(Decimal(rate))}


def a_book(*prices: DatedPrice, variants: tuple[Variant, ...] = ()) -> GenaiPriceBook:
    model = ListedModel("m", StartsWith("m"), prices, variants)
    return GenaiPriceBook(PriceList("made", (ListedProvider("p", (model,)),), ()))


def paid(book: GenaiPriceBook, at: datetime, tier: str = "", model: str = "m") -> Decimal:
    price = book.price_at(Question("p", model, at, tier))
    assert price is not None
    return price.cost(ONE).cost_usd


def test_the_version_names_the_release_and_the_data() -> None:
    release, _, digits = list_version().partition("+")
    assert release == shipped_list().release
    assert len(digits) == 12
    assert GenaiPriceBook().version == list_version()


def test_the_version_changes_with_any_price_of_the_list_or_of_ours() -> None:
    listed = shipped_list()
    first, *others = listed.providers
    model, *models = first.models
    dearer = msgspec.structs.replace(model, prices=(DatedPrice(at_rate(7)), *model.prices))
    changed = msgspec.structs.replace(first, models=(dearer, *models))
    entry = msgspec.structs.replace(listed.supplement[0], factor=Decimal("0.51"))
    versions = {
        version_of(listed),
        version_of(msgspec.structs.replace(listed, providers=(changed, *others))),
        version_of(msgspec.structs.replace(listed, supplement=(entry, *listed.supplement[1:]))),
    }
    assert len(versions) == 3


def test_a_list_that_was_kept_is_the_same_book() -> None:
    kept = book_from_data(list_data())
    assert kept.version == list_version()
    assert kept.listed == shipped_list()
    assert len(list_data()) < 200_000
    question = Question("openai", "gpt-5", datetime(2026, 11, 24, tzinfo=UTC), "flex")
    ours, theirs = kept.price_at(question), GenaiPriceBook().price_at(question)
    assert ours is not None
    assert theirs is not None
    assert ours.cost(ONE) == theirs.cost(ONE)


@pytest.mark.parametrize(
    "data", [b"", b"no list", zlib.compress(b"{}"), zlib.compress(b"[]"), list_data()[:-9]]
)
def test_bytes_that_are_no_list_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="no price list"):
        book_from_data(data)


def test_a_dated_price_holds_from_midnight_utc_and_is_not_remembered_beyond() -> None:
    book = a_book(DatedPrice(at_rate(1)), DatedPrice(at_rate(2), Dates(starts=MIDNIGHT.date())))
    moment = timedelta(microseconds=1)
    for _ in range(2):
        assert paid(book, MIDNIGHT - moment) == 1
        assert paid(book, MIDNIGHT) == 2
    tokyo = datetime.fromisoformat("2026-11-01T08:59:59+09:00")
    assert paid(book, tokyo) == 1
    assert paid(book, tokyo + timedelta(seconds=1)) == 2


def test_a_daily_price_may_cross_midnight() -> None:
    book = a_book(DatedPrice(at_rate(1)), DatedPrice(at_rate(2), Dates(daily=(time(22), time(6)))))
    for hour, expected in ((21, 1), (22, 2), (23, 2), (0, 2), (5, 2), (6, 1), (12, 1), (22, 2)):
        assert paid(book, MIDNIGHT.replace(hour=hour)) == expected


def test_the_last_price_that_holds_counts_and_the_first_where_none_does() -> None:
    early, late = Dates(starts=MIDNIGHT.date()), Dates(starts=MIDNIGHT.date() + timedelta(days=9))
    book = a_book(DatedPrice(at_rate(1), early), DatedPrice(at_rate(2), late))
    assert paid(book, MIDNIGHT - timedelta(days=400)) == 1
    assert paid(book, MIDNIGHT + timedelta(days=9)) == 2


def test_a_variant_changes_only_what_it_says_and_the_first_counts() -> None:
    standard = DatedPrice({"input": Rate(Decimal(4)), "output": Rate(Decimal(9))})
    variants = (
        Variant({"service_tier": "flex"}, at_rate(2)),
        Variant({"service_tier": "flex"}, at_rate(3)),
        Variant({"service_tier": "priority"}, at_rate(8), Dates(starts=MIDNIGHT.date())),
    )
    book = a_book(standard, variants=variants)
    assert paid(book, MIDNIGHT, "flex") == 2
    assert paid(book, MIDNIGHT, "priority") == 8
    assert paid(book, MIDNIGHT - timedelta(seconds=1), "priority") == 4
    rates = book.rates_at("p", "m", MIDNIGHT, "flex")
    assert rates is not None
    assert rates.output == Rate(Decimal(9))


def test_names_by_callers_do_not_fill_the_memory() -> None:
    book = a_book(DatedPrice(at_rate(1)))
    for number in range(20_000):
        assert paid(book, MIDNIGHT, model=f"m{number}") == 1
    assert len(book._kept) < 10_000


def test_a_server_of_ones_own_with_a_providers_name_in_its_name_has_no_list_prices() -> None:
    """field-pain: a self-hosted model billed at a public rate."""
    book = GenaiPriceBook()
    for provider in ("openai-compatible", "my-anthropic", "vllm", "ollama", ""):
        assert book.rates_at(provider, "gpt-4o", MIDNIGHT) is None


def test_a_model_may_be_asked_for_by_any_spelling_of_the_provider() -> None:
    book = GenaiPriceBook()
    expected = book.rates_at("google", "gemini-2.5-flash", MIDNIGHT)
    assert expected is not None
    for provider in ("gemini", "Gemini", "gcp.vertex_ai", "vertex", " google "):
        assert book.rates_at(provider, "gemini-2.5-flash", MIDNIGHT) == expected
    assert book.context_window("gemini", "gemini-2.5-flash") == 1_048_576
    assert book.context_window("gemini", "nobody") is None


def test_equal_clauses_are_equal_whatever_the_case() -> None:
    model = ListedModel("M", Equals("Big-M"), (DatedPrice(at_rate(1)),))
    book = GenaiPriceBook(PriceList("made", (ListedProvider("p", (model,)),), ()))
    assert book.rates_at("p", "bIG-m", MIDNIGHT) is not None
    assert book.rates_at("p", "big-m2", MIDNIGHT) is None


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_a_time_of_day_at_the_ends_of_time(at: datetime) -> None:
    """A clock that is wrong by ages costs a call its right price, and not the worker its life."""
    night = DatedPrice(at_rate(2), Dates(daily=(time(22), time(6))))
    assert paid(a_book(DatedPrice(at_rate(1)), night), at) == 2
