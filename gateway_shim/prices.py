"""The prices as the gateway knows them: its own fold of `governance` above the price list that was adopted."""

from __future__ import annotations

from ingest.attribution import Attribution
from ingest.directory import Directory
from ingest.pricing.layered import LayeredBook
from ingest.pricing.lists import PriceLists
from ingest.pricing.own_prices import NOBODY, OwnPrices


class GatewayPrices:
    """A book of what `directory` holds now; it is made anew, when it is next asked for, after each event about prices."""

    def __init__(self, directory: Directory, lists: PriceLists) -> None:
        self._directory = directory
        self.lists = lists
        self._make()

    @property
    def version(self) -> int:
        """Grows with each event about prices."""
        return self._directory.prices.offset

    @property
    def book(self) -> LayeredBook:
        """The prices as they are now known."""
        if self._made_at != self.version:
            self._make()
        return self._book

    @property
    def has_own(self) -> bool:
        """Whether there are prices of one's own."""
        return bool(self.own.prices)

    @property
    def own(self) -> OwnPrices:
        """Prices of one's own, exchange rates and adopted lists."""
        return self._directory.prices

    def named(self, who: Attribution | None) -> list[str]:
        """What of `who` any price of `book` depends on."""
        return [getattr(who or NOBODY, dimension) for dimension in self._dimensions]

    def _make(self) -> None:
        self._made_at = self.version
        own = self.own.as_of(self.version)
        self._book = LayeredBook(self.lists.book(own.adopted), own)
        self._dimensions = own.named_dimensions()
