"""What a correction of a call's cost changes on the balances that the call was charged to. Pure.

Corrections of one call stand in one partition of `llm.costs`, in the order of their offsets, but their producers know nothing
of one another: two may correct the same cost at once, and a producer that was not answered writes its correction again. The
highest version holds, here as in the warehouse: a correction that is not above every version before it changes nothing, and
what one changes is the difference to the one before it, whatever its producer took for the cost before. So the deltas of a
call always sum to its newest cost less its first.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingest.events.charges import ChargeCorrected, SourcePosition
from ingest.events.costs import CostCorrected


class Applied(msgspec.Struct, frozen=True, array_like=True):
    """A correction that has been applied: where it stood, its version and the cost it brought, USD."""

    offset: int
    version: int
    cost_usd: Decimal


History = tuple[Applied, ...]
"""The corrections of one call that have been applied, in order; versions and offsets only grow."""


class Change(NamedTuple):
    """What a correction comes to."""

    history: History
    delta_usd: Decimal


def change_of(corrected: CostCorrected, offset: int, history: History) -> Change | None:
    """The change that `corrected`, which stood at `offset`, makes to a call with `history`; None when it has no effect.

    A correction that was applied before (the same offset again, after a crash) gives the same change again.
    """
    for place, applied in enumerate(history):
        if applied.offset == offset:
            return Change(history, applied.cost_usd - _before(corrected, history[:place]))
    if history and (corrected.version <= history[-1].version or offset < history[-1].offset):
        return None
    applied = Applied(offset, corrected.version, corrected.cost.cost_usd)
    return Change((*history, applied), applied.cost_usd - _before(corrected, history))


def corrections_for(
    corrected: CostCorrected, delta_usd: Decimal, source: SourcePosition, at: datetime
) -> list[ChargeCorrected]:
    """One for each balance that the call refers to, in the call's order; none when nothing changes.

    `at` is the moment that is given where the correction names none.
    """
    if not delta_usd:
        return []
    call = corrected.finished.call
    return [
        ChargeCorrected(
            budget_id=ref.budget_id,
            window=ref.window,
            call_id=call.call_id,
            delta_usd=delta_usd,
            source=source,
            corrected_at=corrected.corrected_at or at,
        )
        for ref in dict.fromkeys(call.budgets)
    ]


def _before(corrected: CostCorrected, history: History) -> Decimal:
    """Only for the first correction of a call its producer's word is needed."""
    return history[-1].cost_usd if history else corrected.previous_cost_usd
