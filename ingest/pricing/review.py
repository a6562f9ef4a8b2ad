"""Looking at a newer price list before it holds: what it changes, what of that is held back, and its adoption. Pure."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from ingest.errors import InvalidInput
from ingest.events.prices import PriceListAdopted
from ingest.pricing.book import PriceList, book_from_data
from ingest.pricing.lists import ShippedList, counting
from ingest.pricing.plausibility import Change, ModelRates, compare, held_models, rates_by_model

LARGEST_LIST = 900 * 1024
"""Bytes of a list within its event, as base64; Kafka takes a record of up to 1 MiB."""


class Review(NamedTuple):
    """What the installed list would change."""

    in_force: str
    """The version that holds; empty before the first was adopted."""
    installed: str
    changes: Sequence[Change]

    @property
    def is_due(self) -> bool:
        """Whether there is anything to adopt: another version, or models that were held back."""
        return self.in_force != self.installed or bool(self.changes)


def review(adopted: Sequence[PriceListAdopted], shipped: ShippedList, at: datetime) -> Review:
    """The installed list against what holds after these adoptions, at `at`."""
    counted = counting(adopted)
    after = rates_by_model(_listed(shipped.data()), at)
    if not counted:
        return Review("", shipped.version, compare({}, after))
    return Review(counted[-1].version, shipped.version, compare(_in_force(counted, at), after))


def adoption(
    found: Review, shipped: ShippedList, accept: Collection[str], at: datetime, by: str
) -> PriceListAdopted:
    """The event that adopts the installed list, but for what is held; `accept` names held models (`provider/model`) whose
    new prices are right.

    Raises InvalidInput when there is nothing to adopt, for a model that is not held, and for a list that is too large.
    """
    held = held_models(list(found.changes))
    if unknown := sorted(set(accept) - held):
        raise InvalidInput(f"{', '.join(unknown)} is not held; held are {', '.join(sorted(held)) or 'none'}")
    if not found.is_due or (found.in_force == found.installed and not accept):
        raise InvalidInput(
            f"price list {found.installed} holds already"
            + (
                f"; to accept prices that are held, name the models: {', '.join(sorted(held))}"
                if held
                else ""
            )
        )
    data = shipped.data()
    if (size := len(base64.b64encode(data))) > LARGEST_LIST:
        raise InvalidInput(
            f"price list {found.installed} has {size} bytes as base64; an event holds up to {LARGEST_LIST}"
        )
    return PriceListAdopted(found.installed, at, tuple(sorted(held - set(accept))), data, by)


def _in_force(counted: Sequence[PriceListAdopted], at: datetime) -> ModelRates:
    """What holds, model by model: of those that are held, the prices of the list before."""
    newest, earlier = counted[-1], counted[:-1]
    rates = dict(rates_by_model(_listed(newest.data), at))
    if newest.held and earlier:
        held = frozenset(newest.held)
        rates = {name: some for name, some in rates.items() if name.partition(" ")[0] not in held}
        older = _in_force(earlier, at)
        rates |= {name: some for name, some in older.items() if name.partition(" ")[0] in held}
    return rates


def _listed(data: bytes) -> PriceList:
    return book_from_data(data).listed
