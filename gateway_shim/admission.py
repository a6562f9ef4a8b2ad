"""Whether a call may go through: pure, over what the folds know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway_shim.budget_state import BudgetStates
from gateway_shim.registry import Balance
from ingest.events.calls import BudgetRef
from ingest.money import show_usd


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let it through; it will be charged to `budgets`."""

    budgets: tuple[BudgetRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Answer it ourselves: a balance that it falls under is spent."""

    budgets: tuple[BudgetRef, ...]
    message: str
    """One sentence: which budget, and when it opens again."""
    retry_after_s: int | None
    """Whole seconds until the last of the spent windows ends; None when one has no end."""


def decide(balances: Sequence[Balance], states: BudgetStates, at: datetime) -> Admitted | Refused:
    """Refused if any of `balances` is blocked."""
    if not balances:
        return Admitted()
    refs = tuple(balance.ref for balance in balances)
    blocked = [b for b in balances if states.is_blocked(b.budget.name, b.window)]
    if not blocked:
        return Admitted(refs)
    last = max(blocked, key=_end)
    return Refused(refs, _message(last, len(blocked)), _seconds_until(last.window.end, at))


def _end(balance: Balance) -> float:
    return balance.window.end.timestamp() if balance.window.end is not None else math.inf


def _seconds_until(end: datetime | None, at: datetime) -> int | None:
    return None if end is None else max(1, math.ceil((end - at).total_seconds()))


def _message(balance: Balance, count: int) -> str:
    budget, end = balance.budget, balance.window.end
    opens = f"it resets at {end:%Y-%m-%dT%H:%M:%SZ}" if end else "it does not reset by itself"
    others = f" (and {count - 1} more)" if count > 1 else ""
    return (
        f"Budget '{budget.name}'{others} of {show_usd(budget.limit_usd)} for {budget.scope.describe()} is spent;"
        f" {opens}."
    )
