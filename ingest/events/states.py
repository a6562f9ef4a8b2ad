"""The event of the compacted topic `budget.states`: these are the block and unblock events."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from ingest.clock import Instant
from ingest.governance.budgets import Budget


class BudgetStatus(StrEnum):
    """Where a balance stands."""

    OPEN = "open"
    WARNED = "warned"
    """A threshold of `warn_at` has been crossed."""
    BLOCKED = "blocked"
    """Spent reaches the limit: calls are refused until the window ends, the limit rises or the budget is reset."""
    DELETED = "deleted"


class BudgetStateChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    """The balance of one budget in one window, after everything up to `changed_at`. The newest replaces all before.

    A shim applies it only while `window` is its own current window of that budget: a block of a past window heals by
    itself, even when no unblock arrives (`until`).
    """

    budget: Budget
    window: str
    status: BudgetStatus
    spent_usd: Decimal
    reserved_usd: Decimal
    changed_at: Instant
    until: Instant | None = None
    """When the window ends; None for a budget without an end."""
    overshoot_usd: Decimal = Decimal(0)
    """What was spent above the limit."""
    warned_at: tuple[Decimal, ...] = ()
    """The thresholds crossed, as shares of the limit."""
    call_id: str = ""
    """The call whose charge led here, if one did."""
    call_finished_at: Instant | None = None
