"""Which balances are blocked: the fold of `budget.states`."""

from __future__ import annotations

from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.windows import Window


class BudgetStates:
    """The newest state of each budget. A state speaks of one window only: another window is open until told otherwise."""

    def __init__(self) -> None:
        self._states: dict[str, BudgetStateChanged] = {}

    def apply(self, event: BudgetStateChanged) -> bool:
        """Fold one event; the newest of a budget replaces all before. Whether it blocks or unblocks calls."""
        old = self._states.get(event.budget.name)
        was_blocked = old is not None and old.status is BudgetStatus.BLOCKED and old.window == event.window
        if event.status is BudgetStatus.DELETED:
            self._states.pop(event.budget.name, None)
        else:
            self._states[event.budget.name] = event
        return was_blocked != (event.status is BudgetStatus.BLOCKED)

    def state(self, name: str, window: Window) -> BudgetStateChanged | None:
        """The state of a balance; None when nothing was charged to it yet, as far as is known."""
        state = self._states.get(name)
        return state if state is not None and state.window == window.id else None

    def is_blocked(self, name: str, window: Window) -> bool:
        """Whether calls that fall under this balance are refused."""
        state = self._states.get(name)
        return state is not None and state.status is BudgetStatus.BLOCKED and state.window == window.id
