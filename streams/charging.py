"""From a costed call to the charges on the balances it was admitted against. Pure."""

from __future__ import annotations

from ingest.events.charges import ChargeSettled, SourcePosition
from ingest.events.costs import CallCosted


def charges_for(costed: CallCosted, source: SourcePosition) -> list[ChargeSettled]:
    """One charge for each balance that the call refers to, in the call's order; none when it costs nothing.

    `source` is where the finished call stands on `llm.calls`: pricing that record again gives equal charges, which
    a ledger recognises and skips.
    """
    if not costed.cost.cost_usd:
        return []
    finished = costed.finished
    return [
        ChargeSettled(
            budget_id=ref.budget_id,
            window=ref.window,
            call_id=finished.call.call_id,
            amount_usd=costed.cost.cost_usd,
            source=source,
            finished_at=finished.finished_at,
        )
        for ref in dict.fromkeys(finished.call.budgets)
    ]
