"""`llm.costs` -> corrections of charges on `budget.charges`, where a cost was corrected."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from ingest.clock import Clock
from ingest.codec import decode_event
from ingest.errors import InvalidInput
from ingest.events.charges import SourcePosition
from ingest.events.costs import CostCorrected
from ingest.log import Outgoing, Record
from streams.agents.pricing import seen_key
from streams.agents.tables import Table, encode
from streams.correcting import History, change_of, corrections_for
from streams.outgoing import charge_correction_record
from streams.step import Work
from warehouse.rows import call_row

_LOG = logging.getLogger(__name__)

KEEP_DAYS = 400
"""How long the corrections of a call are remembered after it has started. Those of an older call are taken at their word."""

_CORRECTED = CostCorrected.__name__.encode()
_HISTORY = msgspec.json.Decoder(History)


class CorrectionStep:
    """Charges what corrections change. `corrections` holds, per call, those that were applied; all else on the topic is
    passed over unread."""

    def __init__(self, corrections: Table, clock: Clock) -> None:
        self._corrections = corrections
        self._clock = clock
        self._records: list[Outgoing] = []
        self._partitions: Sequence[int] = ()
        self._forgot_on: date | None = None

    def accept(self, record: Record) -> None:
        # Nearly all records are costs of new calls: without the name of the class, no correction can be in it, and to
        # look for a name takes a hundredth of the time that reading the event does.
        if record.value is None or _CORRECTED not in record.value:
            return
        try:
            event = decode_event(record.value).data
            if isinstance(event, CostCorrected):
                # What the warehouse would not take must not change a balance either.
                call_row(event, record.partition, record.offset, record.timestamp_ms)
                self._correct(record, event)
        except InvalidInput as reason:
            # The loader, which reads every record of this topic, puts it among the dead letters.
            _LOG.warning("%s/%d/%d is passed over: %s", record.topic, record.partition, record.offset, reason)

    def take(self) -> Work:
        self._forget()
        work = Work(self._records, [self._corrections.flush()])
        self._records = []
        return work

    def next_due(self) -> float | None:
        return None

    def restore(self, partitions: Sequence[int], /) -> None:
        self._records = []
        self._partitions = partitions
        self._forgot_on = None

    def _correct(self, record: Record, corrected: CostCorrected) -> None:
        call = corrected.finished.call
        key = seen_key(call.started_at.date(), call.call_id)
        change = change_of(corrected, record.offset, self._history(record.partition, key))
        if change is None:
            return
        # After a repeat too: the store may be ahead of its changelog (see `streams.agents.tables`).
        self._corrections.put(record.partition, key, encode(change.history))
        source = SourcePosition(record.partition, record.offset)
        at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        charges = corrections_for(corrected, change.delta_usd, source, at)
        self._records += [charge_correction_record(charge) for charge in charges]

    def _history(self, partition: int, key: bytes) -> History:
        stored = self._corrections.get(partition, key)
        return () if stored is None else _HISTORY.decode(stored)

    def _forget(self) -> None:
        today = self._clock.now().date()
        if today != self._forgot_on:
            self._forgot_on = today
            for partition in self._partitions:
                self._corrections.drop_below(partition, seen_key(today - timedelta(days=KEEP_DAYS)))
