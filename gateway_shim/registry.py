"""Who holds which key and which budgets a call falls under: the fold of `governance`, with what the hot path asks of it
kept ready."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ingest.attribution import Attribution
from ingest.directory import Directory, hash_key
from ingest.events.calls import BudgetRef
from ingest.events.governance import GovernanceEvent, KeyIssued
from ingest.governance.budgets import Budget
from ingest.governance.windows import Window, window_at

_MOST_REMEMBERED = 20_000


class Balance(msgspec.Struct, frozen=True):
    """A budget in one of its windows."""

    budget: Budget
    window: Window

    @property
    def ref(self) -> BudgetRef:
        return BudgetRef(self.budget.name, self.window.id)


class Registry:
    """Reads are a few dictionary look-ups; what they derive is thrown away with every event."""

    def __init__(self) -> None:
        self.directory = Directory()
        self._budgets: dict[tuple[object, ...], list[Budget]] = {}
        self._windows: dict[str, Window] = {}

    def apply(self, event: GovernanceEvent) -> None:
        """Fold one event."""
        self.directory.apply(event)
        self._budgets.clear()
        self._windows.clear()

    def holder(self, key: bytes) -> KeyIssued | None:
        """Whose key it is; None for an unknown or revoked one."""
        return self.directory.keys_by_hash.get(hash_key(key))

    def balances(self, who: Attribution, provider: str, model: str, at: datetime) -> list[Balance]:
        """Every balance that a call falls under: each budget that covers it, in the window that holds `at`."""
        budgets = self._budgets_for(who, provider, model)
        return [Balance(budget, self.window(budget, at)) for budget in budgets]

    def window(self, budget: Budget, at: datetime) -> Window:
        """The window of a current budget that holds `at`."""
        window = self._windows.get(budget.name)
        if window is None or at < window.start or (window.end is not None and at >= window.end):
            window = self._windows[budget.name] = window_at(budget, at)
        return window

    def _budgets_for(self, who: Attribution, provider: str, model: str) -> list[Budget]:
        if not self.directory.budgets:
            return []
        tags = tuple(sorted(who.tags.items()))
        question = (who.team, who.project, who.key_id, who.user, tags, provider, model)
        budgets = self._budgets.get(question)
        if budgets is None:
            if len(self._budgets) >= _MOST_REMEMBERED:
                self._budgets.clear()
            budgets = self._budgets[question] = self.directory.budgets_for(who, provider, model)
        return budgets
