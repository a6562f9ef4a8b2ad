"""Events of the topic `budget.charges`, keyed by budget: everything that the one ledger of a budget reads, in order."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ingest.clock import Instant
from ingest.governance.budgets import Budget


class SourcePosition(msgspec.Struct, frozen=True, array_like=True):
    """The record of `llm.calls` from which a charge was derived. Positions of a partition only grow, which is what
    makes a charge applicable once: a ledger skips a position at or below the highest it has applied."""

    partition: int
    offset: int


class ChargeSettled(msgspec.Struct, frozen=True):
    """A finished call costs this much; charged to one balance."""

    budget_id: str
    window: str
    call_id: str
    amount_usd: Decimal
    source: SourcePosition
    finished_at: Instant


class ChargeCorrected(msgspec.Struct, frozen=True):
    """The cost of a call that was charged before has changed by `delta_usd`, which may be negative."""

    budget_id: str
    window: str
    call_id: str
    delta_usd: Decimal
    source: SourcePosition
    """The record of `llm.costs` that holds the correction; its partitions are counted apart from those of `llm.calls`."""
    corrected_at: Instant


class BudgetRevised(msgspec.Struct, frozen=True):
    """A budget was defined, changed, reset or deleted; it stands among its charges so that one writer sees both in
    one order."""

    budget: Budget
    revised_at: Instant
    is_deleted: bool = False


BudgetCharge = ChargeSettled | ChargeCorrected | BudgetRevised
