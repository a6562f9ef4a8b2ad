"""Which of several prices of one's own holds for a call. Pure; the order is total, so that two readers never differ.

The most specific scope first: whose call it is goes before what was called (key, then project, team, organisation; then a
model of a provider, a model, a provider, any). A model that is named as it was called goes before one that covers it as a
dated version. Between equals, the price that began last; between those, the one that was defined last.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from ingest.attribution import Attribution, BudgetScope
from ingest.events.prices import PriceOverridden, PriceScope

WHO_DIMENSIONS = ("key_id", "project", "team", "org")
"""From the most specific to the least."""


class OwnPrice(msgspec.Struct, frozen=True):
    """A price of one's own as it stands: its definition, and when it ends."""

    definition: PriceOverridden
    offset: int
    """Where it was defined on `governance`: the later, the higher."""
    ends_at: datetime | None
    """Exclusive; None while no end is known."""

    @property
    def price_id(self) -> str:
        return self.definition.price_id

    def holds_at(self, at: datetime) -> bool:
        """Whether `at` lies within its interval."""
        return self.definition.effective_from <= at and (self.ends_at is None or at < self.ends_at)


class Rank(NamedTuple):
    """How a price compares with others for one call; the highest wins."""

    who: tuple[bool, ...]
    """Whether the scope names the key, the project, the team, the organisation."""
    what: tuple[bool, bool, bool]
    """Whether it names the model, the model as it was called, the provider."""
    effective_from: datetime
    offset: int


def rank(price: OwnPrice, provider: str, models: tuple[str, ...], who: Attribution) -> Rank | None:
    """The rank of `price` for a call of `who` to `provider`; None where its scope does not cover the call.

    `models` are the names by which the model is known: as the provider answered, as it was asked for.
    """
    scope = price.definition.scope
    if not any(_covers(scope, provider, model, who) for model in models):
        return None
    names_who = tuple(bool(getattr(scope, dimension)) for dimension in WHO_DIMENSIONS)
    is_exact = bool(scope.model) and any(scope.model.lower() == model.lower() for model in models)
    what = (bool(scope.model), is_exact, bool(scope.provider))
    return Rank(names_who, what, price.definition.effective_from, price.offset)


def standing(price: OwnPrice) -> Rank:
    """The rank of `price` for a call that is what its scope says: how prices compare where no call is in question."""
    scope = price.definition.scope
    names_who = tuple(bool(getattr(scope, dimension)) for dimension in WHO_DIMENSIONS)
    what = (bool(scope.model), bool(scope.model), bool(scope.provider))
    return Rank(names_who, what, price.definition.effective_from, price.offset)


def describe(scope: PriceScope) -> str:
    """For people: `team search, model gpt-4o of openai`, or `every call`."""
    names = {"key_id": "key"}
    words = [f"{names.get(d, d)} {value}" for d in WHO_DIMENSIONS if (value := getattr(scope, d))]
    if scope.model:
        words.append(f"model {scope.model}" + (f" of {scope.provider}" if scope.provider else ""))
    elif scope.provider:
        words.append(f"any model of {scope.provider}")
    return ", ".join(words) or "every call"


def _covers(scope: PriceScope, provider: str, model: str, who: Attribution) -> bool:
    as_budget = BudgetScope(
        org=scope.org,
        team=scope.team,
        project=scope.project,
        key=scope.key_id,
        provider=scope.provider,
        model=scope.model,
    )
    return as_budget.covers(who, provider, model)
