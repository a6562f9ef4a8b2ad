"""What the public list lacks, as dated data of ours above it (`supplement.toml`): each entry names its source.

An entry only fills a gap: where the list has a price of its own for the same thing, the list's holds, so that a later
release that knows it takes over by itself. The list's price of another provider, whose models this one offers too (Azure
those of OpenAI), is no price of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from ingest.errors import InvalidInput
from ingest.pricing.classes import CLASSES, Kind
from ingest.pricing.rates import Rate, rates_of

_SCALED = frozenset(found.name for found in CLASSES if found.kind in (Kind.TOKENS, Kind.UNITS))


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One price that the list lacks. Exactly one of `rates`, `factor`, `follows` and `same_as` says what it is."""

    provider: str
    """The list's id of the provider that is called."""
    models: str
    """A regular expression for the whole name of the model, in lower case: the list's id of it, or, for one that the list
    does not have, the name as asked for."""
    effective_from: date
    """From the beginning of that day, UTC; where the source names no day, the day on which it was read to hold."""
    source: str
    """The document, its section, and where it stands."""
    checked: date
    """When the source was read."""
    tier: str = ""
    """For answers of this service tier; empty: for every call."""
    rates: dict[str, Decimal] | None = None
    """Token class -> USD, as in `Rates`."""
    factor: Decimal | None = None
    """For a tier: the standard rates of tokens and units, times this. Fees of tools stay."""
    but_not_classes: tuple[str, ...] = ()
    """With `factor`: classes that keep their standard rate."""
    follows: bool = False
    """For a tier: that of the provider whose model it is."""
    same_as: str = ""
    """`models` are names as asked for, which mean this model of the list and not the one that the list takes them for."""
    note: str = ""

    def is_for(self, provider: str, model: str) -> bool:
        """Whether it is for this model of this provider."""
        return self.provider == provider and re.fullmatch(self.models, model) is not None

    @property
    def since(self) -> datetime:
        return datetime.combine(self.effective_from, time(), UTC)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    entry: list[Entry]


@cache
def shipped_entries() -> tuple[Entry, ...]:
    """The entries of `supplement.toml`, in the file's order."""
    return read_entries((files("ingest.pricing") / "supplement.toml").read_bytes())


def read_entries(text: bytes) -> tuple[Entry, ...]:
    """The entries of a file; raises InvalidInput that names the entry that cannot be used."""
    try:
        entries = msgspec.toml.decode(text, type=_File).entry
    except msgspec.MsgspecError as reason:
        raise InvalidInput(f"the supplement cannot be read: {reason}") from None
    for entry in entries:
        _check(entry)
    return tuple(entries)


def rates_in(entries: Iterable[Entry]) -> dict[str, Rate]:
    """What `entries` have for each class; of several, the first."""
    rates: dict[str, Rate] = {}
    for entry in entries:
        for name, amount in (entry.rates or {}).items():
            rates.setdefault(name, Rate(amount))
    return rates


def scale(rates: Mapping[str, Rate], entry: Entry) -> dict[str, Rate]:
    """The rates of tokens and units times the factor of `entry`; fees of tools stay."""
    factor = entry.factor or Decimal(1)
    return {
        name: rate.times(factor) if name in _SCALED and name not in entry.but_not_classes else rate
        for name, rate in rates.items()
    }


def _check(entry: Entry) -> None:
    name = f"the supplement's entry for {entry.models} of {entry.provider}"
    try:
        re.compile(entry.models)
    except re.error as reason:
        raise InvalidInput(f"{name} has no regular expression: {reason}") from None
    said = (entry.rates is not None, entry.factor is not None, entry.follows, bool(entry.same_as))
    if sum(said) != 1:
        raise InvalidInput(f"{name} needs exactly one of rates, factor, follows and same_as")
    if entry.rates is None and not entry.same_as and not entry.tier:
        raise InvalidInput(f"{name} has a factor, which is for a tier, and names no tier")
    if entry.factor is not None and not 0 < entry.factor < 100:
        raise InvalidInput(f"{name} has the factor {entry.factor}; it must be above 0 and below 100")
    rates_of("", entry.rates or {})
    rates_of("", dict.fromkeys(entry.but_not_classes, Decimal(0)))
