"""A public price list as plain data: providers, their models, and dated prices. It can be written down and read again, so
that a price version can be used long after the package it came from has moved on.

The rules are genai-prices' own (`types.py`, `data_snapshot.py`, release 0.2.3): how a name finds a model, which of several
dated prices holds, and what a request's context changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from ingest.pricing.rates import Rate

FREE_OF_CHARGE: Mapping[str, Rate] = {}
"""A price without any rate: the list has the model and charges nothing for it."""


class StartsWith(msgspec.Struct, frozen=True, array_like=True, tag="starts_with"):
    """Texts are compared in lower case."""

    text: str


class EndsWith(msgspec.Struct, frozen=True, array_like=True, tag="ends_with"):
    text: str


class Contains(msgspec.Struct, frozen=True, array_like=True, tag="contains"):
    text: str


class Equals(msgspec.Struct, frozen=True, array_like=True, tag="equals"):
    text: str


class Matches(msgspec.Struct, frozen=True, array_like=True, tag="regex"):
    """Found anywhere in the name."""

    text: str


class AnyOf(msgspec.Struct, frozen=True, array_like=True, tag="or"):
    clauses: tuple[Clause, ...]


class AllOf(msgspec.Struct, frozen=True, array_like=True, tag="and"):
    clauses: tuple[Clause, ...]


Clause = StartsWith | EndsWith | Contains | Equals | Matches | AnyOf | AllOf


class Dates(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a price holds, UTC. `starts`: from that day on. `daily`: from the one time of day to the other, exclusive; it
    may cross midnight. Neither: always."""

    starts: date | None = None
    daily: tuple[time, time] | None = None

    def hold(self, at: datetime) -> bool:
        """Whether the price holds at `at`."""
        if self.starts is not None:
            return at.date() >= self.starts
        if self.daily is not None:
            start, end = self.daily
            now = at.time()
            return start <= now < end if start <= end else now >= start or now < end
        return True

    def turns(self, at: datetime) -> Iterator[datetime]:
        """Moments at which this begins or ceases to hold: the nearest ones around `at` are among them."""
        if self.starts is not None:
            yield datetime.combine(self.starts, time(), UTC)
        if self.daily is not None:
            for days in (-1, 0, 1):
                with suppress(OverflowError):  # there is no day before the first, and none after the last
                    day = at.date() + timedelta(days=days)
                    yield from (datetime.combine(day, moment, UTC) for moment in self.daily)


ALWAYS = Dates()


class DatedPrice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rates by token class, and when they hold."""

    rates: dict[str, Rate]
    dates: Dates = ALWAYS


class Variant(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rates that replace some of the standard ones for requests with this context (`{"processing": "batch"}`)."""

    when: dict[str, str]
    rates: dict[str, Rate]
    dates: Dates = ALWAYS


class ListedModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model of a list."""

    id: str
    match: Clause
    prices: tuple[DatedPrice, ...]
    """The last one that holds is the price; where none does, the first."""
    variants: tuple[Variant, ...] = ()
    context_window: int | None = None
    least_audio_ms: int = 0

    def standard(self, at: datetime) -> dict[str, Rate]:
        """The rates that hold at `at` for a request without a context."""
        for price in reversed(self.prices):
            if price.dates.hold(at):
                return price.rates
        return self.prices[0].rates if self.prices else {}

    def changes(self, at: datetime, context: Mapping[str, str]) -> list[Variant]:
        """The variants that hold at `at` for a request with this context. For each class the first one counts."""
        return [
            variant
            for variant in self.variants
            if variant.dates.hold(at) and all(context.get(k) == v for k, v in variant.when.items())
        ]

    def turns(self, at: datetime) -> Iterator[datetime]:
        """Moments at which its prices may change."""
        for dates in (*(price.dates for price in self.prices), *(change.dates for change in self.variants)):
            yield from dates.turns(at)


class ListedProvider(msgspec.Struct, frozen=True, omit_defaults=True):
    """A provider of a list."""

    id: str
    models: tuple[ListedModel, ...]
    fallbacks: tuple[str, ...] = ()
    """Providers whose models it offers too, at their prices."""


def matches(clause: Clause, name: str) -> bool:
    """Whether a name in lower case is meant by `clause`."""
    match clause:
        case StartsWith(text):
            return name.startswith(text.lower())
        case EndsWith(text):
            return name.endswith(text.lower())
        case Contains(text):
            return text.lower() in name
        case Equals(text):
            return name == text.lower()
        case Matches(text):
            return re.search(text, name) is not None
        case AnyOf(clauses):
            return any(matches(one, name) for one in clauses)
        case AllOf(clauses):
            return all(matches(one, name) for one in clauses)


_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


def find_model(
    providers: Mapping[str, ListedProvider], provider: str, model: str
) -> tuple[ListedProvider, ListedModel] | None:
    """The model that `model` means at `provider`, and whose it is: that provider's, or that of a provider whose models it
    offers. Dates may be written with or without hyphens."""
    home = providers.get(provider)
    if home is None:
        return None
    name = model.lower()
    for spelling in dict.fromkeys((name, _COMPACT_DATE.sub(_hyphenated, name))):
        for owner in (home, *(providers[other] for other in home.fallbacks if other in providers)):
            for found in owner.models:
                if matches(found.match, spelling):
                    return owner, found
    return None


def _hyphenated(found: re.Match[str]) -> str:
    year, month, day = (int(part) for part in found.groups())
    try:
        return f"-{date(year, month, day).isoformat()}"
    except ValueError:
        return found[0]
