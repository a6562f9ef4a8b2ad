"""Events of the compacted topic `governance`: who may do what. The newest event of an entity is its state."""

from __future__ import annotations

import msgspec

from ingest.clock import Instant
from ingest.events.prices import PriceEvent
from ingest.governance.budgets import Budget


class TeamDefined(msgspec.Struct, frozen=True):
    """A team exists."""

    team: str
    defined_at: Instant


class KeyIssued(msgspec.Struct, frozen=True, omit_defaults=True):
    """A virtual key was made. Only its hash is ever written down."""

    key_id: str
    key_hash: str
    """SHA-256 of the key, hex: enough for 256 random bits, which cannot be guessed from their hash."""
    team: str
    issued_at: Instant
    name: str = ""
    project: str = ""


class KeyRevoked(msgspec.Struct, frozen=True):
    """A virtual key is no longer accepted."""

    key_id: str
    revoked_at: Instant


class BudgetDefined(msgspec.Struct, frozen=True):
    """A budget was made, changed, or reset (its `epoch` is one higher)."""

    budget: Budget
    defined_at: Instant


class BudgetDeleted(msgspec.Struct, frozen=True):
    """A budget no longer holds."""

    budget: Budget
    deleted_at: Instant


GovernanceEvent = TeamDefined | KeyIssued | KeyRevoked | BudgetDefined | BudgetDeleted | PriceEvent
