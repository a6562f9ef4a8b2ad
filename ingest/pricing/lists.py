"""Public price lists that were adopted: which one holds, and for which models the one before holds on. Pure.

The list that the package ships does not hold by itself, or an update of the package would change prices unseen: it holds
once it was adopted by an event, which carries the list, so that every version can be used for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from ingest.errors import InvalidInput
from ingest.events.prices import PriceListAdopted
from ingest.pricing.book import GenaiPriceBook, book_from_data, list_data, list_version
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.layered import PublicList
from ingest.pricing.price import Question
from ingest.pricing.rates import Rates

_LOG = logging.getLogger(__name__)

FIRST_START = "first start"
"""`PriceListAdopted.adopted_by` of the list that was adopted by itself, as the first one. Where several processes began
at once, with one release of the list or with two, the event that came first on the log counts."""


class ListBook(PublicList, Protocol):
    """A public list."""

    def name_of(self, provider: str, model: str) -> str | None:
        """`provider/model` as the list names the model that a call means; None for one that it does not have."""
        ...


class ShippedList(NamedTuple):
    """The list that the installed package has."""

    version: str
    data: Callable[[], bytes]
    """The list, compressed."""
    book: ListBook
    read: Callable[[bytes], ListBook]
    """The book of a list from its data."""


def shipped_list() -> ShippedList:
    """The list of the package that is installed here."""
    return ShippedList(list_version(), list_data, GenaiPriceBook(), book_from_data)


class PriceLists:
    """Books of adopted lists. What is not needed is not read."""

    def __init__(self, shipped: ShippedList) -> None:
        self.shipped = shipped
        self._read = lru_cache(maxsize=4)(self._read_uncached)

    def book(self, adopted: Sequence[PriceListAdopted]) -> ListBook:
        """What holds after these adoptions, in order; the shipped list while there is none."""
        counted = counting(adopted)
        return self._book(counted) if counted else self.shipped.book

    def _book(self, counted: Sequence[PriceListAdopted]) -> ListBook:
        newest, earlier = counted[-1], counted[:-1]
        try:
            book = self._read(newest.version, newest.data)
        except InvalidInput as reason:
            # Said each time a book is made; the worst would be not to price at all.
            _LOG.error("price list %s does not hold, since it cannot be read: %s", newest.version, reason)
            return self._book(earlier) if earlier else self.shipped.book
        if not newest.held or not earlier:
            return book
        return _HeldBook(book, self._book(earlier), frozenset(newest.held))

    def _read_uncached(self, version: str, data: bytes) -> ListBook:
        is_shipped = version == self.shipped.version or not data
        return self.shipped.book if is_shipped else self.shipped.read(data)


def counting(adopted: Sequence[PriceListAdopted]) -> list[PriceListAdopted]:
    """Without those that were adopted by themselves after another one."""
    return [event for place, event in enumerate(adopted) if place == 0 or event.adopted_by != FIRST_START]


class _HeldBook:
    """A list, but for the models that the one before still prices."""

    def __init__(self, newer: ListBook, older: ListBook, held: frozenset[str]) -> None:
        self._newer = newer
        self._older = older
        # Asked for every call; there are far fewer names than calls.
        self._is_held = lru_cache(maxsize=4096)(lambda *name: older.name_of(*name) in held)

    def price_at(self, question: Question) -> CompiledPrice | None:
        return self._of(question.provider, question.model).price_at(question)

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        return self._of(provider, model).rates_at(provider, model, at, service_tier)

    def context_window(self, provider: str, model: str) -> int | None:
        return self._of(provider, model).context_window(provider, model)

    def name_of(self, provider: str, model: str) -> str | None:
        return self._of(provider, model).name_of(provider, model)

    def _of(self, provider: str, model: str) -> ListBook:
        # By the older list's name: a held model may be gone from the newer one.
        return self._older if self._is_held(provider, model) else self._newer
