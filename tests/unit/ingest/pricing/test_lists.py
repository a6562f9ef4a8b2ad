"""Which list holds, and for which models the one before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.events.prices import PriceEvent, PriceListAdopted
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import FIRST_START, ListBook, PriceLists, ShippedList, shipped_list
from ingest.usage import TokenUsage
from tests.unit.ingest.pricing.prices import AT, SmallList, a_price, a_question

USAGE = TokenUsage(input_tokens=1_000_000)
ONE = SmallList("one", openai__gpt={"input": "1"}, openai__o={"input": "1"}, openai__gone={"input": "1"})
TWO = SmallList("two", openai__gpt={"input": "2"}, openai__o={"input": "20"})
THREE = SmallList("three", openai__gpt={"input": "3"}, openai__o={"input": "300"})
KNOWN = {"one": ONE, "two": TWO, "three": THREE}


def adopted(version: str, *held: str, by: str = "ada") -> PriceListAdopted:
    at = AT + timedelta(seconds=list(KNOWN).index(version))
    return PriceListAdopted(version, at, held, version.encode(), by)


def lists(shipped: str = "three") -> PriceLists:
    def read(data: bytes) -> ListBook:
        assert data.decode() != shipped, "the shipped list need not be read"
        return KNOWN[data.decode()]

    return PriceLists(ShippedList(shipped, lambda: shipped.encode(), KNOWN[shipped], read))


def paid(book: ListBook, model: str) -> tuple[str, int] | None:
    price = book.price_at(a_question(model))
    return None if price is None else (price.version, int(price.cost(USAGE).cost_usd))


def test_the_list_that_was_adopted_last_holds_and_not_the_shipped_one() -> None:
    assert paid(lists().book([]), "gpt") == ("three", 3)
    assert paid(lists().book([adopted("one")]), "gpt") == ("one", 1)
    assert paid(lists().book([adopted("one"), adopted("two")]), "gpt") == ("two", 2)
    assert paid(lists().book([adopted("one"), adopted("three")]), "gpt") == ("three", 3)
    assert paid(lists().book([adopted("two"), adopted("one")]), "gpt") == ("one", 1)


def test_for_held_models_the_list_before_holds_on() -> None:
    book = lists().book([adopted("one"), adopted("two", "openai/o", "openai/gone")])
    assert [paid(book, model) for model in ("gpt", "o", "gone")] == [("two", 2), ("one", 1), ("one", 1)]
    assert book.name_of("openai", "gone") == "openai/gone"
    assert book.context_window("openai", "gone") == 1000
    rates = book.rates_at("openai", "o", AT)
    assert rates is not None
    assert rates.version == "one"


def test_a_model_is_held_on_over_several_lists_until_it_is_accepted() -> None:
    events = [adopted("one"), adopted("two", "openai/o", "openai/gone"), adopted("three", "openai/o")]
    assert [paid(lists().book(events), model) for model in ("gpt", "o", "gone")] == [
        ("three", 3),
        ("one", 1),
        None,
    ]
    accepted = [*events, adopted("three")]
    assert paid(lists().book(accepted), "o") == ("three", 300)


def test_of_two_first_starts_the_first_counts() -> None:
    both = [adopted("one", by=FIRST_START), adopted("two", by=FIRST_START)]
    assert paid(lists().book(both), "gpt") == ("one", 1)
    assert paid(lists().book([*both, adopted("two")]), "gpt") == ("two", 2)
    assert paid(lists().book([adopted("two"), adopted("one", by=FIRST_START)]), "gpt") == ("two", 2)


def test_the_history_has_a_book_for_each_offset() -> None:
    history = PriceHistory(lists())
    events: list[PriceEvent] = [
        adopted("one"),
        a_price("p", model="gpt"),
        adopted("two"),
        a_price("q", model="gpt"),
    ]
    for offset, event in enumerate(events):
        assert history.apply(event, 10 * offset)
    assert not history.apply(adopted("three"), 30)
    versions = {}
    for offset in (30, 0, 9, 10, 20, 29, 30):
        price = history.book(offset).price_at(a_question())
        versions[offset] = price and price.version
    assert versions == {0: "one", 9: "one", 10: "own/p", 20: "own/p", 29: "own/p", 30: "own/q"}
    assert history.book(20) is history.book(20)
    other = history.book(20).price_at(a_question("o"))
    assert other is not None
    assert other.version == "two"
    newest = history.newest_book().price_at(a_question())
    assert newest is not None
    assert newest.version == "own/q"


def test_before_the_first_adoption_the_first_one_holds() -> None:
    """Two workers may have published it at once, and compaction may have kept the later event alone."""
    history = PriceHistory(lists())
    history.apply(adopted("one", by=FIRST_START), 5)
    history.apply(adopted("two"), 9)
    price = history.book(2).price_at(a_question())
    assert price is not None
    assert price.version == "one"


def test_a_list_that_cannot_be_read_does_not_hold(caplog: pytest.LogCaptureFixture) -> None:
    installed = PriceLists(shipped_list())
    broken = PriceListAdopted("list/broken", AT, (), b"?", "ada")
    good = PriceListAdopted("list/good", AT, (), shipped_list().data(), "ada")
    for adoptions in ([broken], [good, broken]):
        book = installed.book(adoptions)
        assert book.name_of("openai", "gpt-4o") == "openai/gpt-4o"
    assert "price list list/broken does not hold, since it cannot be read" in caplog.text
