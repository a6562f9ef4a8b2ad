"""`governance` -> revisions of budgets on `budget.charges`, where their one ledger reads them among the charges."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ingest.clock import Clock
from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.charges import BudgetRevised
from ingest.events.governance import BudgetDefined, BudgetDeleted
from ingest.letters import dead_letter, letter_record
from ingest.log import Outgoing, Record
from streams.outgoing import GOVERNANCE, revision_record
from streams.step import Work

_LOG = logging.getLogger(__name__)


class GovernanceStep:
    """Forwards what concerns budgets; keeps nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: list[Outgoing] = []

    def accept(self, record: Record) -> None:
        try:
            envelope = decode_event(record.value)
        except DecodeError as reason:
            _LOG.warning("%s/%d goes to dead.letters: %s", record.topic, record.offset, reason)
            letter = dead_letter(record, str(reason), self._clock.now())
            self._records.append(letter_record(letter, GOVERNANCE))
            return
        revised = revision_of(envelope.data)
        if revised is not None:
            self._records.append(revision_record(revised, envelope.id))

    def take(self) -> Work:
        work = Work(self._records)
        self._records = []
        return work

    def next_due(self) -> float | None:
        return None

    def restore(self, _partitions: Sequence[int], /) -> None:
        self._records = []


def revision_of(event: object) -> BudgetRevised | None:
    """What a governance event says about a budget; None when it is about something else."""
    match event:
        case BudgetDefined():
            return BudgetRevised(event.budget, event.defined_at)
        case BudgetDeleted():
            return BudgetRevised(event.budget, event.deleted_at, is_deleted=True)
    return None
