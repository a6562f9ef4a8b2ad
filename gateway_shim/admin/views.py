"""From what the folds know to what the admin API answers. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from gateway_shim.admin.shapes import BudgetOut, KeyOut, TeamOut
from gateway_shim.budget_state import BudgetStates
from gateway_shim.registry import Registry
from ingest.attribution import SCOPE_DIMENSIONS
from ingest.directory import Directory
from ingest.events.governance import KeyIssued
from ingest.governance.budgets import Budget
from ingest.money import ZERO, usd


def team_views(directory: Directory) -> list[TeamOut]:
    """All teams, by name."""
    keys = [key.team for key in directory.keys.values()]
    return [TeamOut(name=team, keys=keys.count(team)) for team in sorted(directory.teams)]


def key_view(key: KeyIssued) -> KeyOut:
    """A key without its hash."""
    return KeyOut(
        key_id=key.key_id, team=key.team, name=key.name, project=key.project, issued_at=key.issued_at
    )


def budget_view(budget: Budget, registry: Registry, states: BudgetStates, at: datetime) -> BudgetOut:
    """A budget in the window that holds `at`; without a state of that window nothing is spent yet."""
    window = registry.window(budget, at)
    state = states.state(budget.name, window)
    spent = state.spent_usd if state else ZERO
    reserved = state.reserved_usd if state else ZERO
    remaining = max(ZERO, budget.limit_usd - spent - reserved)
    return BudgetOut(
        name=budget.name,
        scope={name: getattr(budget.scope, name) for name in SCOPE_DIMENSIONS if getattr(budget.scope, name)},
        limit_usd=_text(budget.limit_usd),
        window=budget.window,
        timezone=budget.timezone,
        mode=budget.mode.value,
        warn_at=[float(share) for share in budget.warn_at],
        window_start=window.start,
        window_end=window.end,
        spent=_text(spent),
        spent_usd=_text(spent),
        reserved=_text(reserved),
        reserved_usd=_text(reserved),
        remaining=_text(remaining),
        remaining_usd=_text(remaining),
        overshoot_usd=_text(max(ZERO, spent - budget.limit_usd)),
        state=state.status.value if state else "open",
    )


def _text(amount: Decimal) -> str:
    return f"{usd(amount):f}"
