"""The fold of the `governance` topic: who holds which key, which budgets and prices there are."""

from __future__ import annotations

import hashlib

from ingest.attribution import Attribution
from ingest.events.governance import (
    BudgetDefined,
    BudgetDeleted,
    GovernanceEvent,
    KeyIssued,
    KeyRevoked,
    TeamDefined,
)
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceListAdopted, PriceOverridden
from ingest.governance.budgets import Budget
from ingest.pricing.own_prices import OwnPrices


def hash_key(key: str | bytes) -> str:
    """SHA-256 of a virtual key, hex."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).hexdigest()


class Directory:
    """Folds governance events, newest last. Applying an event twice changes nothing."""

    def __init__(self) -> None:
        self.teams: set[str] = set()
        self.keys: dict[str, KeyIssued] = {}
        """By key id, revoked ones excluded."""
        self.keys_by_hash: dict[str, KeyIssued] = {}
        self.budgets: dict[str, Budget] = {}
        """By name, deleted ones excluded."""
        self.retired_budgets: dict[str, Budget] = {}
        """Deleted ones by name: a new budget of that name needs another epoch, or it would find the old balance."""
        self.prices = OwnPrices()
        """Their offsets are counted here: they only have to grow."""
        self.version = 0
        """Grows by one with each event, so that what was derived from the directory knows when it is stale."""

    def apply(self, event: GovernanceEvent) -> None:
        """Fold one event."""
        self.version += 1
        match event:
            case TeamDefined():
                self.teams.add(event.team)
            case KeyIssued():
                self.teams.add(event.team)
                self.keys[event.key_id] = event
                self.keys_by_hash[event.key_hash] = event
            case KeyRevoked():
                revoked = self.keys.pop(event.key_id, None)
                if revoked is not None:
                    self.keys_by_hash.pop(revoked.key_hash, None)
            case BudgetDefined():
                self.budgets[event.budget.name] = event.budget
                self.retired_budgets.pop(event.budget.name, None)
            case BudgetDeleted():
                self.budgets.pop(event.budget.name, None)
                self.retired_budgets[event.budget.name] = event.budget
            case PriceOverridden() | PriceEnded() | ExchangeRateSet() | PriceListAdopted():
                self.prices.apply(event, self.prices.offset + 1)

    def budgets_for(self, who: Attribution, provider: str, model: str) -> list[Budget]:
        """Every budget that a call falls under."""
        return [b for b in self.budgets.values() if b.scope.covers(who, provider, model)]


def entity_key(event: GovernanceEvent) -> str:
    """The record key of an event on the compacted topic: what later events of the same key replace."""
    match event:
        case TeamDefined():
            return f"team:{event.team}"
        case KeyIssued() | KeyRevoked():
            return f"key:{event.key_id}"
        case BudgetDefined() | BudgetDeleted():
            return f"budget:{event.budget.name}"
        case PriceOverridden():
            return f"price:{event.price_id}"
        # The moment too: what was said of prices before is never replaced, or a call could not cost the same again.
        case PriceEnded():
            return f"price-end:{event.price_id}/{event.defined_at.isoformat()}"
        case ExchangeRateSet():
            date, said = event.effective_from.isoformat(), event.defined_at.isoformat()
            return f"exchange-rate:{event.currency}/{date}/{said}"
        case PriceListAdopted():
            return f"price-list:{event.version}/{event.adopted_at.isoformat()}"
