"""Where a budget stands: its definition, its newest window, and what a balance in it amounts to. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.budgets import Budget
from ingest.governance.windows import Window
from ingest.money import ZERO
from streams.budgets.balance import Balance


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A budget as last defined, and its newest window."""

    budget: Budget
    window: Window
    is_deleted: bool = False


class Cause(msgspec.Struct, frozen=True):
    """The call whose charge led to a state."""

    call_id: str = ""
    finished_at: datetime | None = None


NO_CALL = Cause()


def crossed(budget: Budget, spent_usd: Decimal) -> tuple[Decimal, ...]:
    """The thresholds of `warn_at` that `spent_usd` has reached, as shares of the limit."""
    return tuple(share for share in budget.warn_at if spent_usd >= share * budget.limit_usd)


def status_of(budget: Budget, spent_usd: Decimal) -> BudgetStatus:
    """Blocked once the limit is reached (a limit of 0 blocks from the start), warned from the first threshold on."""
    if spent_usd >= budget.limit_usd:
        return BudgetStatus.BLOCKED
    return BudgetStatus.WARNED if crossed(budget, spent_usd) else BudgetStatus.OPEN


def state_of(standing: Standing, balance: Balance, cause: Cause, now: datetime) -> BudgetStateChanged:
    """The state to publish: the balance of the newest window, after everything known at `now`."""
    budget, spent = standing.budget, balance.spent_usd
    return BudgetStateChanged(
        budget=budget,
        window=standing.window.id,
        status=BudgetStatus.DELETED if standing.is_deleted else status_of(budget, spent),
        spent_usd=spent,
        reserved_usd=ZERO,
        changed_at=now,
        until=standing.window.end,
        overshoot_usd=max(ZERO, spent - budget.limit_usd),
        warned_at=crossed(budget, spent),
        call_id=cause.call_id,
        call_finished_at=cause.finished_at,
    )
