"""What a budget is."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingest.attribution import BudgetScope, check_scope
from ingest.clock import Instant
from ingest.errors import InvalidInput


class BudgetMode(StrEnum):
    """How a budget holds."""

    SOFT = "soft"
    """Blocks by event: overshoots by what is in flight while the event travels."""
    HARD = "hard"
    """Never exceeded: every call is held against a lease before it is let through."""


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """A limit in USD on the spend of a scope within a window.

    `window` is `day`, `week` (from Monday), `month`, `total`, or an ISO 8601 duration of weeks, days, hours, minutes or
    seconds, which repeats from `created_at`. Calendar windows turn at midnight in `timezone`. `warn_at` are shares of
    the limit, ascending. `epoch` counts resets: it is part of a balance's identity, so that a reset is a new balance.
    """

    name: str
    scope: BudgetScope
    limit_usd: Decimal
    window: str
    created_at: Instant
    timezone: str = "UTC"
    mode: BudgetMode = BudgetMode.SOFT
    warn_at: tuple[Decimal, ...] = (Decimal("0.5"), Decimal("0.8"), Decimal("1.0"))
    epoch: int = 0


def check_budget(budget: Budget) -> Budget:
    """`budget` itself; raises InvalidInput with one sentence when it makes no sense."""
    if not budget.name or len(budget.name) > 200:
        raise InvalidInput(f"a budget's name has 1 to 200 characters, not {len(budget.name)}")
    if budget.limit_usd < 0:
        raise InvalidInput(f"limit_usd is {budget.limit_usd}; it cannot be negative")
    if any(not 0 < share <= 10 for share in budget.warn_at):
        raise InvalidInput("warn_at holds shares of the limit above 0 and at most 10, such as 0.8")
    if budget.created_at.tzinfo is None:
        raise InvalidInput("created_at needs a time zone")
    check_scope(budget.scope)
    try:
        ZoneInfo(budget.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            f"timezone {budget.timezone!r} is no IANA time zone such as Europe/Berlin"
        ) from None
    return budget
