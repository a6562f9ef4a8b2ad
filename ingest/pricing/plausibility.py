"""Whether the changes from one price list to the next can be right. Pure.

A rate that changes by more than a factor of 5, that vanishes, or that becomes 0 is more often a slip of the list (a price
for a thousand tokens taken for one of a million, a model that was renamed) than a price that a provider set. Such a
model is *held*: its former prices hold on until a person has looked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Context, Decimal

import msgspec

from ingest.pricing.book import PriceList
from ingest.pricing.listing import ListedModel
from ingest.pricing.rates import Rate
from ingest.pricing.supplement import Entry

PLAUSIBLE_FACTOR = Decimal(5)
_FOUR_DIGITS = Context(prec=4)

_LATER = timedelta(days=3650)

ModelRates = Mapping[str, Mapping[str, Rate]]
"""`provider/model`, and behind a blank what else it depends on (`(batch)`, `(later)`) -> rates by token class."""


class Change(msgspec.Struct, frozen=True):
    """One rate that differs between two lists, USD."""

    model: str
    """`provider/model`, without the tier."""
    rate: str
    """The token class, and what it depends on: `input above 200000`, `output (batch)`."""
    old: Decimal | None
    """None: it is new."""
    new: Decimal | None
    """None: it is gone."""
    factor: Decimal | None
    """`new / old`, to four digits; None where there is none."""
    is_held: bool


def rates_by_model(listed: PriceList, at: datetime) -> ModelRates:
    """What the list asks at `at`, in every tier, and, where that is something else, what it will ask in the end."""
    found: dict[str, Mapping[str, Rate]] = {}
    for provider in listed.providers:
        entries = [e for e in listed.supplement if e.provider == provider.id and e.since <= at]
        for model in provider.models:
            name = f"{provider.id}/{model.id}"
            found[name] = model.standard(at)
            found.update(_depending(name, model, at))
            found.update(_added(name, [e for e in entries if e.is_for(provider.id, model.id.lower())]))
    return found


def _depending(name: str, model: ListedModel, at: datetime) -> ModelRates:
    found: dict[str, Mapping[str, Rate]] = {}
    later = model.standard(at + _LATER)
    if later != model.standard(at):
        found[f"{name} (later)"] = later
    for variant in model.variants:
        if variant.dates.hold(at):
            context = f"{name} ({', '.join(variant.when.values())})"
            # For each class the first one counts.
            found[context] = {**variant.rates, **found.get(context, {})}
    return found


def _added(name: str, entries: list[Entry]) -> ModelRates:
    """What the supplement has, beside the list's own prices of a tier and not in their place; the first entry counts."""
    found: dict[str, dict[str, Rate]] = {}
    for entry in entries:
        rates = found.setdefault(f"{name} ({entry.tier}, added)" if entry.tier else f"{name} (added)", {})
        for token_class, amount in (entry.rates or {}).items():
            rates.setdefault(token_class, Rate(amount))
        if entry.factor is not None and "factor" not in rates:
            rates["factor"] = Rate(entry.factor)
            rates |= {f"factor of {token_class}": Rate(Decimal(1)) for token_class in entry.but_not_classes}
    return found


def compare(before: ModelRates, after: ModelRates) -> list[Change]:
    """Every rate that differs, by model. Models that are new are among them, and never held."""
    return [
        change
        for name in sorted(before.keys() | after.keys())
        for change in _changes(name, _flat(before.get(name)), _flat(after.get(name)))
    ]


def held_models(changes: list[Change]) -> frozenset[str]:
    """The models of which at least one change is not plausible."""
    return frozenset(change.model for change in changes if change.is_held)


def is_plausible(old: Decimal | None, new: Decimal | None) -> bool:
    """Whether a rate may go from `old` to `new` without a person looking at it; None is no rate."""
    if old is None:
        return True
    if new is None:
        return False
    if old == 0 or new == 0:
        # What cost nothing may get a price: that is seen at once. What cost something does not become a gift.
        return old == 0
    return old <= new * PLAUSIBLE_FACTOR and new <= old * PLAUSIBLE_FACTOR


def _changes(name: str, old: dict[str, Decimal], new: dict[str, Decimal]) -> Iterator[Change]:
    model, space, tier = name.partition(" ")
    for rate in dict.fromkeys((*old, *new)):
        before, after = old.get(rate), new.get(rate)
        if before != after:
            factor = _FOUR_DIGITS.divide(after, before) if before and after is not None else None
            is_held = not is_plausible(before, after)
            yield Change(model, f"{rate}{space}{tier}", before, after, factor, is_held)


def _flat(rates: Mapping[str, Rate] | None) -> dict[str, Decimal]:
    flat: dict[str, Decimal] = {}
    for name, rate in (rates or {}).items():
        flat[name] = rate.base
        for tier in rate.tiers:
            flat[f"{name} above {tier.above}"] = tier.rate
    return flat
