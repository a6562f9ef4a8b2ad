"""The book of public list prices: genai-prices' data, ours above it, and a price version that is the hash of both.

A price is found once for a provider, model and tier, compiled, and kept for as long as nothing of it changes: prices are
dated, so that a kept one says from when until when it holds.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import msgspec

from ingest.errors import InvalidInput
from ingest.pricing.classes import BY_NAME, Kind
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.genai import RELEASE, shipped_providers
from ingest.pricing.listing import ListedModel, ListedProvider, find_model
from ingest.pricing.price import PriceBook, Question
from ingest.pricing.providers import price_name
from ingest.pricing.rates import Rate, Rates, rates_of
from ingest.pricing.supplement import Entry, rates_in, scale, shipped_entries

__all__ = ["GenaiPriceBook", "PriceBook", "book_from_data", "list_data", "list_version"]

_MOST_REMEMBERED = 8192
_LARGEST_LIST = 64 * 1024 * 1024
_ZERO = Decimal(0)
_EVER_BEFORE = datetime(1, 1, 1, tzinfo=UTC)
_EVER_AFTER = datetime(9999, 12, 31, tzinfo=UTC)


class PriceList(msgspec.Struct, frozen=True):
    """A whole list. Equal lists have equal bytes (`list_bytes`)."""

    release: str
    providers: tuple[ListedProvider, ...]
    supplement: tuple[Entry, ...]


class _Kept(NamedTuple):
    """A price, and when it holds: from `since` (inclusive) until `until` (exclusive)."""

    since: datetime
    until: datetime
    price: CompiledPrice | None


class GenaiPriceBook:
    """A price list, ready to be asked. Without an argument: the list that is installed."""

    def __init__(self, listed: PriceList | None = None) -> None:
        self.listed = listed or shipped_list()
        self.version = list_version() if listed is None else version_of(listed)
        self._providers: Mapping[str, ListedProvider] = {one.id: one for one in self.listed.providers}
        self._aliases = [entry for entry in self.listed.supplement if entry.same_as]
        self._entries = [entry for entry in self.listed.supplement if not entry.same_as]
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def price_at(self, question: Question) -> CompiledPrice | None:
        at = question.at
        kept = self._kept.get((question.provider, question.model, question.service_tier))
        if kept is not None and kept.since <= at < kept.until:
            return kept.price
        return self._find(question.provider, question.model, at.astimezone(UTC), question.service_tier)

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        price = self.price_at(Question(provider, model, at, service_tier))
        return price.rates if price else None

    def context_window(self, provider: str, model: str) -> int | None:
        found = self._found(price_name(provider), model).model
        return found.context_window if found else None

    def name_of(self, provider: str, model: str) -> str | None:
        """`provider/model`, as the list names the model that is meant; None for one that it does not have."""
        found = find_model(self._providers, price_name(provider), model)
        return f"{found[0].id}/{found[1].id}" if found else None

    def _find(self, provider: str, model: str, at: datetime, tier: str) -> CompiledPrice | None:
        """Find the price, and keep it with the time for which it holds."""
        home = price_name(provider)
        aliases = [one for one in self._aliases if one.is_for(home, model.lower())]
        alias = next((one for one in aliases if one.since <= at), None)
        found = self._found(home, alias.same_as if alias else model)
        rates = found.standard(at)
        price = None
        if rates is not None:
            if tier:
                rates = found.in_tier(rates, at, tier)
            least = found.model.least_audio_ms if found.model else 0
            price = CompiledPrice(rates_of(self.version, rates, least))
        turns = found.turns(at) + [one.since for one in aliases]
        if len(self._kept) >= _MOST_REMEMBERED:
            self._kept.clear()  # models are named by callers: there is no end of them
        self._kept[provider, model, tier] = _Kept(
            max((turn for turn in turns if turn <= at), default=_EVER_BEFORE),
            min((turn for turn in turns if turn > at), default=_EVER_AFTER),
            price,
        )
        return price

    def _found(self, home: str, model: str) -> _Found:
        found = find_model(self._providers, home, model)
        name = found[1].id.lower() if found else model.lower()
        entries = [entry for entry in self._entries if entry.is_for(home, name)]
        if found is None:
            return _Found(None, False, tuple(entries))
        owner, listed = found
        followed = {entry.tier for entry in entries if entry.follows}
        entries += [
            entry
            for entry in self.listed.supplement
            if entry.tier in followed and entry.is_for(owner.id, name)
        ]
        return _Found(listed, owner.id == home, tuple(entries))


class _Found(NamedTuple):
    """A model as one provider offers it."""

    model: ListedModel | None
    """None: the list does not have it."""
    is_own: bool
    """False: it is another provider's, whose models this one offers too."""
    entries: tuple[Entry, ...]
    """What the supplement has for it."""

    def turns(self, at: datetime) -> list[datetime]:
        """Moments at which its price may change."""
        turns = [entry.since for entry in self.entries]
        return turns + list(self.model.turns(at)) if self.model else turns

    def standard(self, at: datetime) -> dict[str, Rate] | None:
        """The rates by class without a tier; None where neither the list nor the supplement knows the model."""
        ours = rates_in(entry for entry in self.entries if not entry.tier and entry.since <= at)
        if self.model is None:
            # Fees of tools alone are no price of a model: nobody knows what it costs.
            return ours if any(BY_NAME[name].kind is not Kind.TOOLS for name in ours) else None
        listed = self.model.standard(at)
        if not listed:
            # The list has the model and no rate for it: it is free of charge.
            listed = {"input": Rate(_ZERO), "output": Rate(_ZERO)}
        return ours | listed if self.is_own else listed | ours

    def in_tier(self, standard: dict[str, Rate], at: datetime, tier: str) -> dict[str, Rate]:
        """`standard` as it is in a tier: by the list, else by the supplement, else unchanged."""
        ours = [entry for entry in self.entries if entry.tier == tier and entry.since <= at]
        # What another provider's model costs here in a tier is not known, unless an entry says that it is the same.
        if self.model is not None and (self.is_own or any(entry.follows for entry in ours)):
            changes = [change for change in self.model.changes(at, _context(tier)) if change.rates]
            if changes:
                standard = standard | rates_in(ours)
                for change in reversed(changes):
                    standard |= change.rates
                return standard
        for entry in ours:
            if entry.factor is not None:
                return scale(standard, entry)
        return standard | rates_in(ours)


def _context(tier: str) -> Mapping[str, str]:
    """genai-prices files batch prices under `processing` and Anthropic's fast mode under `speed`."""
    if tier == "batch":
        return {"processing": "batch"}
    return {"service_tier": tier, "speed": "fast"} if tier == "fast" else {"service_tier": tier}


@cache
def shipped_list() -> PriceList:
    """The list that is installed, with the supplement that came with this program."""
    return PriceList(RELEASE, shipped_providers(), shipped_entries())


def list_bytes(listed: PriceList) -> bytes:
    """The list in the one form of which the hash is taken."""
    return msgspec.json.encode(listed, order="deterministic")


def version_of(listed: PriceList) -> str:
    """`<release>+<first 12 hex digits of the SHA-256 of the data>`: names all that prices depend on."""
    return f"{listed.release}+{hashlib.sha256(list_bytes(listed)).hexdigest()[:12]}"


@cache
def list_version() -> str:
    """The price version of the list that is installed."""
    return version_of(shipped_list())


@cache
def list_data() -> bytes:
    """The list that is installed, to be kept: compressed, about 60 KB."""
    return zlib.compress(list_bytes(shipped_list()), 9)


def book_from_data(data: bytes) -> GenaiPriceBook:
    """The book of a list that was kept. Raises InvalidInput for bytes that are none."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, _LARGEST_LIST)
        if unpacking.unconsumed_tail:
            raise InvalidInput(f"a price list has at most {_LARGEST_LIST} bytes; this one has more")
        return GenaiPriceBook(msgspec.json.decode(text, type=PriceList))
    except (zlib.error, msgspec.MsgspecError) as reason:
        raise InvalidInput(f"these {len(data)} bytes are no price list: {reason}") from None
