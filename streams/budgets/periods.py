"""Which window of a budget a charge names, and which of two is the newer. Pure.

A charge carries the window in which its call was admitted. Whether that window is one of the budget *as it is defined
now* decides if the charge may move the budget on: after a change of period, time zone or epoch, charges of the former
windows still arrive, belong to their former balances, and say nothing about the present one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingest.errors import InvalidInput
from ingest.governance.budgets import Budget
from ingest.governance.windows import Window, window_at

# A window's name has whole seconds: its start lies less than a second later.
_WITHIN = timedelta(microseconds=999_999)


def window_named(budget: Budget, window_id: str) -> Window | None:
    """The window of `budget` whose id is `window_id`, or None when the budget, as defined, has no such window."""
    epoch, _, stamp = window_id.partition("/")
    if epoch != str(budget.epoch):
        return None
    try:
        named = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        window = window_at(budget, named + _WITHIN)
    except (ValueError, OverflowError, InvalidInput):
        return None
    return window if window.id == window_id else None


def newest(first: Window, *others: Window | None) -> Window:
    """The window that starts last."""
    return max([first, *(window for window in others if window is not None)], key=lambda window: window.start)
