"""All prices that ever held, by what was known when: the fold of `governance` with a price book for each of its offsets.

Who prices records of the log asks for the book *as of* an offset, and gets the same one whenever it asks.
"""

from __future__ import annotations

from collections import OrderedDict

from ingest.events.prices import PriceEvent, PriceListAdopted
from ingest.pricing.layered import LayeredBook
from ingest.pricing.lists import PriceLists
from ingest.pricing.own_prices import OwnPrices

_MOST_BOOKS = 8


class PriceHistory:
    """Folds price events; `lists` turns adopted price lists into books."""

    def __init__(self, lists: PriceLists) -> None:
        self._lists = lists
        self._own = OwnPrices()
        self._books: OrderedDict[int, LayeredBook] = OrderedDict()

    @property
    def offset(self) -> int:
        """The offset of the newest price event on `governance`; -1 before the first."""
        return self._own.offset

    @property
    def own(self) -> OwnPrices:
        """Everything that is known now."""
        return self._own

    def apply(self, event: PriceEvent, offset: int) -> bool:
        """Fold the event at `offset`; False for one that was folded before."""
        return self._own.apply(event, offset)

    def book(self, offset: int) -> LayeredBook:
        """The prices as of `offset` of `governance`: what stands there and before."""
        book = self._books.get(offset)
        if book is None:
            own = self._own.as_of(offset)
            book = LayeredBook(self._lists.book(self._adopted(own)), own)
            # A later event may still come below an offset that lies ahead of all we know.
            if offset <= self._own.offset:
                self._books[offset] = book
            if len(self._books) > _MOST_BOOKS:
                self._books.popitem(last=False)
        return book

    def newest_book(self) -> LayeredBook:
        """The prices as of everything known."""
        return self.book(self._own.offset)

    def _adopted(self, own: OwnPrices) -> list[PriceListAdopted]:
        """Before the first list was adopted, that one held: two workers that begin at once may each have published it,
        and compaction may have kept the later event alone."""
        return list(own.adopted) or list(self._own.adopted[:1])
