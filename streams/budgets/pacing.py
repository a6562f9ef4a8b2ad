"""How often a budget's state is published: at once when it means something new, else at intervals. Pure.

Shims and pages act on the status, the window, the definition and the thresholds; those go out at once. A higher amount
alone goes out at most once in an interval, the last one always (the trailing edge), so that a busy budget does not
flood the topic that every shim folds.
"""

from __future__ import annotations

from ingest.events.states import BudgetStateChanged

INTERVAL_S = 0.1


class Pacer:
    """Takes states as they come about and gives out those that are to be published now. `now` is monotonic seconds."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._published: dict[str, tuple[float, BudgetStateChanged]] = {}
        self._waiting: dict[str, BudgetStateChanged] = {}

    def offer(self, state: BudgetStateChanged, now: float) -> BudgetStateChanged | None:
        """`state` when it is to be published at once; None when it waits, or says nothing that was not published."""
        name = state.budget.name
        at, last = self._published.get(name, (now - self._interval_s, None))
        if last is not None and _meaning(last) == _meaning(state):
            if last.spent_usd == state.spent_usd:
                self._waiting.pop(name, None)
                return None
            if now < at + self._interval_s:
                self._waiting[name] = state
                return None
        return self._publish(state, now)

    def due(self, now: float) -> list[BudgetStateChanged]:
        """The states that have waited long enough."""
        names = [name for name in self._waiting if now >= self._published[name][0] + self._interval_s]
        return [self._publish(self._waiting[name], now) for name in names]

    def next_due(self) -> float | None:
        """When `due` will next give something; None when nothing waits."""
        return min((self._published[name][0] + self._interval_s for name in self._waiting), default=None)

    def _publish(self, state: BudgetStateChanged, now: float) -> BudgetStateChanged:
        self._waiting.pop(state.budget.name, None)
        self._published[state.budget.name] = (now, state)
        return state


def _meaning(state: BudgetStateChanged) -> tuple[object, ...]:
    """What others act on; everything but the amounts and the call."""
    return state.status, state.window, state.warned_at, state.budget
