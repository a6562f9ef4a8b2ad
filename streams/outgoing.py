"""Events of the stream processors as records: which topic, which key, which identity. Pure.

What is derived from a record has an identity derived from it too, so that readers recognise a repeat; costs, charges
and revisions come out the same to the byte. Only a state, the fact of a moment, has an identity of its own.
"""

from __future__ import annotations

from ingest.codec import encode_event
from ingest.events.charges import BudgetRevised, ChargeCorrected, ChargeSettled
from ingest.events.costs import CallCosted, CostCorrected
from ingest.events.states import BudgetStateChanged
from ingest.ids import derived_id, new_id
from ingest.log import Outgoing
from ingest.topics import TopicName

PRICING = "spendstream/streams/pricing"
LEDGER = "spendstream/streams/ledger"
GOVERNANCE = "spendstream/streams/governance"
CORRECTIONS = "spendstream/streams/corrections"
REPRICE = "spendstream/streams/reprice"


def cost_record(costed: CallCosted) -> Outgoing:
    """On `llm.costs`, by team."""
    finished = costed.finished
    value = encode_event(
        costed,
        id=f"{finished.call.call_id}/costed",
        source=PRICING,
        time=finished.finished_at,
        subject=finished.call.call_id,
    )
    return Outgoing(TopicName.COSTS, finished.call.who.team, value)


def charge_record(charge: ChargeSettled) -> Outgoing:
    """On `budget.charges`, by budget."""
    value = encode_event(
        charge,
        id=derived_id("charge", charge.call_id, charge.budget_id, charge.window),
        source=PRICING,
        time=charge.finished_at,
        subject=charge.budget_id,
    )
    return Outgoing(TopicName.CHARGES, charge.budget_id, value)


def correction_record(corrected: CostCorrected, source: str) -> Outgoing:
    """On `llm.costs`, by team: behind the cost that it corrects. `source` is who found that it was wrong."""
    call = corrected.finished.call
    value = encode_event(
        corrected,
        id=f"{call.call_id}/corrected/{corrected.version}",
        source=source,
        time=corrected.corrected_at or corrected.finished.finished_at,
        subject=call.call_id,
    )
    return Outgoing(TopicName.COSTS, call.who.team, value)


def charge_correction_record(charge: ChargeCorrected) -> Outgoing:
    """On `budget.charges`, by budget."""
    source = charge.source
    value = encode_event(
        charge,
        id=derived_id("correction", f"{source.partition}/{source.offset}", charge.budget_id, charge.window),
        source=CORRECTIONS,
        time=charge.corrected_at,
        subject=charge.budget_id,
    )
    return Outgoing(TopicName.CHARGES, charge.budget_id, value)


def revision_record(revised: BudgetRevised, cause_id: str) -> Outgoing:
    """On `budget.charges`, by budget; `cause_id` is the id of the governance event."""
    name = revised.budget.name
    value = encode_event(
        revised, id=derived_id("revision", cause_id), source=GOVERNANCE, time=revised.revised_at, subject=name
    )
    return Outgoing(TopicName.CHARGES, name, value)


def state_record(state: BudgetStateChanged) -> Outgoing:
    """On `budget.states`, by budget."""
    name = state.budget.name
    value = encode_event(state, id=new_id(), source=LEDGER, time=state.changed_at, subject=name)
    return Outgoing(TopicName.STATES, name, value)
