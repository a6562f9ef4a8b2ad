"""The ledger of one partition of `budget.charges`: folds charges and definitions into balances and states. Pure.

Applying an event twice changes nothing, and a fold that is restored from what it stored and then sees the last events
again ends where it would have ended: the ledger may be stopped at any point and started from any earlier one.

- A charge goes to the balance of the window it names, whatever the budget's present window is, and even when the budget
  is not (yet) defined.
- A correction raises or lowers the balance of the window in which its call was charged, and may thereby unblock. One whose
  balance has been forgotten begins a balance of its own: it is of a past window, and nobody is told of those.
- Only the newest window of a defined budget has a state to publish. A charge of a later window moves the budget on, as
  does time (`turn`); a charge of an earlier one is counted in silence, since `budget.states` holds one state a budget.
- A definition that changes the period, the time zone or the epoch (a reset) starts at the window of its own moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ingest.events.charges import BudgetCharge, BudgetRevised, ChargeCorrected
from ingest.events.states import BudgetStateChanged
from ingest.governance.windows import window_at
from streams.budgets.balance import EMPTY, Balance, Charge
from streams.budgets.periods import newest, window_named
from streams.budgets.standing import NO_CALL, Cause, Standing, state_of

TURN_MARGIN = timedelta(seconds=2)
"""How long after the end of a window the ledger moves on by itself: clocks differ, and a charge of the new window moves
it on at once anyway."""

KEEP_BALANCES = timedelta(days=40)
"""Past windows are forgotten this long after their last charge: longer than the log keeps a charge (30 days) and than
late calls are accepted (35), so that none can come again."""


class BalanceKey(NamedTuple):
    """A balance's identity."""

    budget: str
    window: str


class Changes(NamedTuple):
    """What has to be stored since it was last asked for; None: has to be deleted."""

    balances: dict[BalanceKey, Balance | None]
    standings: dict[str, Standing]


class Ledger:
    """One writer's balances. Not thread-safe; knows no time but what it is told."""

    def __init__(
        self,
        balances: Iterable[tuple[BalanceKey, Balance]] = (),
        standings: Iterable[tuple[str, Standing]] = (),
    ) -> None:
        self._balances: defaultdict[str, dict[str, Balance]] = defaultdict(dict)
        for key, balance in balances:
            self._balances[key.budget][key.window] = balance
        self._standings: dict[str, Standing] = dict(standings)
        self._changed_balances: dict[BalanceKey, Balance | None] = {}
        self._changed_standings: dict[str, Standing] = {}
        # Restored budgets are announced once: a state that a crash kept from being published is made good.
        self._touched: dict[str, Cause] = dict.fromkeys(self._standings, NO_CALL)
        self._crossing: set[str] = set()

    def balance(self, key: BalanceKey) -> Balance:
        """What was spent in one window; empty when nothing was charged there."""
        return self._balances.get(key.budget, {}).get(key.window, EMPTY)

    def standing(self, budget: str) -> Standing | None:
        """The budget as last defined, or None."""
        return self._standings.get(budget)

    def apply(self, event: BudgetCharge) -> None:
        """Fold one event. Raises InvalidInput, and changes nothing, for a definition whose window is not understood."""
        if isinstance(event, BudgetRevised):
            self._revise(event)
        else:
            self._settle(event)

    def turn(self, now: datetime) -> None:
        """Move budgets whose window has ended on to the window of `now`."""
        for name, standing in self._standings.items():
            end = standing.window.end
            if end is not None and now >= end + TURN_MARGIN and not standing.is_deleted:
                self._move(name, Standing(standing.budget, window_at(standing.budget, now)))

    def forget(self, now: datetime) -> None:
        """Drop balances of past windows that nothing can be charged to any more."""
        for name, windows in self._balances.items():
            standing = self._standings.get(name)
            present = standing.window.id if standing is not None and not standing.is_deleted else None
            for window in [w for w, b in windows.items() if w != present and _is_old(b, now)]:
                del windows[window]
                self._changed_balances[BalanceKey(name, window)] = None

    def take_changes(self) -> Changes:
        """What has to be stored: all that events have touched since the last call, also by a repeat that changed nothing,
        since what the first time led to may never have reached the log."""
        changes = Changes(self._changed_balances, self._changed_standings)
        self._changed_balances, self._changed_standings = {}, {}
        return changes

    def take_states(self, now: datetime) -> list[BudgetStateChanged]:
        """The states of all budgets that events have touched since the last call, also where nothing changed (the event
        may be a repeat whose first state was lost); how often they are published is the pacer's business."""
        touched, self._touched = self._touched, {}
        self._crossing.clear()
        return [
            state_of(standing, self.balance(BalanceKey(name, standing.window.id)), cause, now)
            for name, cause in touched.items()
            if (standing := self._standings.get(name)) is not None
        ]

    def _settle(self, charge: Charge) -> None:
        key = BalanceKey(charge.budget_id, charge.window)
        before = self.balance(key)
        after = before.apply(charge)
        self._balances[key.budget][key.window] = after
        self._changed_balances[key] = after  # after a repeat too: see take_changes
        standing = self._standings.get(key.budget)
        if standing is None or standing.is_deleted:
            return
        if key.window != standing.window.id:
            window = window_named(standing.budget, key.window)
            if window is None or window.start <= standing.window.start:
                return
            standing = Standing(standing.budget, window)
            self._move(key.budget, standing)
        self._touch(standing, charge, before, after)

    def _touch(self, standing: Standing, charge: Charge, before: Balance, after: Balance) -> None:
        """The cause of a state is the last call that has crossed a line since the state before; without one, the last."""
        name = standing.budget.name
        if _line(standing, before) != _line(standing, after):
            self._crossing.add(name)
        elif name in self._crossing:
            return
        self._touched[name] = _cause(charge)

    def _revise(self, event: BudgetRevised) -> None:
        budget, name = event.budget, event.budget.name
        present = self._standings.get(name)
        charged = [window_named(budget, window) for window in self._balances.get(name, {})]
        kept = window_named(budget, present.window.id) if present is not None else None
        window = newest(window_at(budget, event.revised_at), kept, *charged)
        self._move(name, Standing(budget, window, event.is_deleted))

    def _move(self, name: str, standing: Standing) -> None:
        self._standings[name] = standing
        self._changed_standings[name] = standing
        self._touched[name] = NO_CALL
        self._crossing.discard(name)


def _cause(charge: Charge) -> Cause:
    """How long it took from the call to the state is of interest; to a correction it says nothing."""
    return Cause(charge.call_id, None if isinstance(charge, ChargeCorrected) else charge.finished_at)


def _line(standing: Standing, balance: Balance) -> int:
    """How many lines (the thresholds and the limit) are reached: with it, and only with it, change the status and the
    thresholds that a state shows."""
    return bisect_right(_lines(standing.budget.limit_usd, standing.budget.warn_at), balance.spent_usd)


@lru_cache(maxsize=4096)
def _lines(limit_usd: Decimal, warn_at: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(sorted([limit_usd, *(share * limit_usd for share in warn_at)]))


def _is_old(balance: Balance, now: datetime) -> bool:
    return balance.last_charge_at is None or balance.last_charge_at < now - KEEP_BALANCES
