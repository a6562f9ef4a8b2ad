"""Would the readers of a topic take these bytes? Asked before anything is published again. Pure.

The same code looks at them that looked at them the first time, as far as it needs nothing but the record: decoding, the
events that belong on the topic, and for `llm.costs` and `budget.states` the row that it becomes.
"""

from __future__ import annotations

from typing import Any

from ingest.codec import Envelope, decode_event
from ingest.errors import DecodeError, InvalidInput
from ingest.events.calls import CallFinished, CallStarted, GatewayRetired
from ingest.events.charges import BudgetRevised, ChargeCorrected, ChargeSettled
from ingest.events.costs import CallCosted, CostCorrected
from ingest.events.dead_letters import LetterEvent
from ingest.events.governance import GovernanceEvent
from ingest.events.states import BudgetStateChanged
from ingest.log import Record
from ingest.topics import TopicName
from warehouse.destinations import costed_call
from warehouse.state_rows import state_row

BELONGS: dict[str, tuple[type[Any], ...]] = {
    TopicName.CALLS: (CallStarted, CallFinished, GatewayRetired),
    TopicName.COSTS: (CallCosted, CostCorrected),
    TopicName.CHARGES: (ChargeSettled, ChargeCorrected, BudgetRevised),
    TopicName.STATES: (BudgetStateChanged,),
    TopicName.GOVERNANCE: GovernanceEvent.__args__,
    TopicName.DEAD_LETTERS: LetterEvent.__args__,
}
"""Topic -> the classes of events that its readers know what to do with."""


def check(record: Record) -> Envelope:
    """The event in `record`. Raises InvalidInput with the sentence that its readers would give."""
    envelope = decode_event(record.value)
    classes = BELONGS.get(record.topic)
    if classes is None:
        raise InvalidInput(f"nobody here reads {record.topic}")
    if not isinstance(envelope.data, classes):
        raise DecodeError(f"{type(envelope.data).__name__} does not belong on {record.topic}")
    if record.topic == TopicName.COSTS:
        costed_call(record)
    if isinstance(envelope.data, BudgetStateChanged):
        state_row(envelope.data, record.partition, record.offset)
    return envelope


def check_replay(record: Record) -> Envelope:
    """The same, and whether publishing it again would have the effect that it should have had.

    Raises InvalidInput for a charge: the ledger applies charges in the order of `llm.calls` and skips one that lies behind
    what it has applied, so that a late one would be lost in silence.
    """
    envelope = check(record)
    if isinstance(envelope.data, ChargeSettled | ChargeCorrected):
        raise InvalidInput(
            f"a {type(envelope.data).__name__} cannot be replayed: the ledger has applied later charges and would skip it;"
            " `spendstream reconcile` shows by how much the budget differs from its calls"
        )
    return envelope
