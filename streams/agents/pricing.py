"""`llm.calls` -> costs on `llm.costs` and charges on `budget.charges`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from ingest.clock import Clock
from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.calls import Call, CallFinished, CallStarted, GatewayRetired
from ingest.events.charges import SourcePosition
from ingest.letters import LONGEST_VALUE, dead_letter, letter_record
from ingest.log import Outgoing, Record
from streams.agents.pinned import CallPrices
from streams.agents.tables import Table
from streams.charging import charges_for
from streams.costing import cost_call
from streams.outgoing import PRICING, charge_record, cost_record
from streams.step import Work
from streams.unpriced import UnpricedCalls

_LOG = logging.getLogger(__name__)


SEEN_DAYS = 35
"""How long a call is remembered after it has started: as long as late calls are accepted."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PricingStep:
    """Prices every finished call once. `seen` maps a call to the offset at which it first stood: the same call at a later
    offset is a repeated send and is dropped; the same record again is priced again, to the same result."""

    def __init__(self, seen: Table, prices: CallPrices, clock: Clock) -> None:
        self._seen = seen
        self._prices = prices
        self._clock = clock
        self._records: list[Outgoing] = []
        self._partitions: Sequence[int] = ()
        self._forgot_on: date | None = None
        self._unpriced = UnpricedCalls()
        self.repeated_sends = 0

    def accept(self, record: Record) -> None:
        try:
            event = decode_event(record.value).data
            if isinstance(event, CallFinished):
                self._price(record, event)
            elif not isinstance(event, CallStarted | GatewayRetired):
                raise DecodeError(f"{type(event).__name__} does not belong on {record.topic}")
        except DecodeError as reason:
            self._bury(record, str(reason))

    def take(self) -> Work:
        self._forget()
        work = Work(self._records, [self._seen.flush()], first=self._prices.store())
        self._records = []
        return work

    def next_due(self) -> float | None:
        return self._prices.next_due()

    def restore(self, partitions: Sequence[int], /) -> None:
        self._records = []
        self._prices.restore(partitions)
        self._partitions = partitions
        self._forgot_on = None

    def _price(self, record: Record, finished: CallFinished) -> None:
        if self._is_repeated_send(record, finished.call):
            self.repeated_sends += 1
            return
        costed = cost_call(finished, self._prices.book(record.partition, record.offset))
        if (line := self._unpriced.note(costed, self._clock.monotonic())) is not None:
            _LOG.warning("%s", line)
        cost = cost_record(costed)
        if cost.value is not None and len(cost.value) > LONGEST_VALUE:
            self._bury(record, f"its cost event has {len(cost.value)} bytes; the limit is {LONGEST_VALUE}")
        else:
            self._records.append(cost)
        source = SourcePosition(record.partition, record.offset)
        self._records += [charge_record(charge) for charge in charges_for(costed, source)]

    def _is_repeated_send(self, record: Record, call: Call) -> bool:
        keys = seen_keys(record, call)
        found = ((key, self._seen.get(record.partition, key)) for key in keys)
        key, first = next(((key, first) for key, first in found if first is not None), (keys[0], None))
        if first is not None and record.offset > int(first):
            return True
        self._seen.put(record.partition, key, first or str(record.offset).encode())
        return False

    def _forget(self) -> None:
        today = self._clock.now().date()
        if today != self._forgot_on:
            self._forgot_on = today
            for partition in self._partitions:
                self._seen.drop_below(partition, seen_key(today - timedelta(days=SEEN_DAYS)))

    def _bury(self, record: Record, reason: str) -> None:
        _LOG.warning(
            "%s/%d/%d goes to dead.letters: %s", record.topic, record.partition, record.offset, reason
        )
        self._records.append(letter_record(dead_letter(record, reason, self._clock.now()), PRICING))


def seen_keys(record: Record, call: Call) -> list[bytes]:
    """Under which keys a call may be remembered; the first one is for a call that is not yet.

    What is later than calls are accepted would be forgotten at the next restart if it stood under the day of its start: it
    stands under the day on which the log took it, which a repeated send does not know. Without budgets there is nothing
    that could be charged twice (an import of last year's calls has none, and is long).
    """
    started = call.started_at.date()
    logged = (_EPOCH + timedelta(milliseconds=record.timestamp_ms)).date()
    if started > logged - timedelta(days=SEEN_DAYS) or not call.budgets:
        return [seen_key(started, call.call_id)]
    return [seen_key(logged - timedelta(days=ago), call.call_id) for ago in range(SEEN_DAYS)]


def seen_key(day: date, call_id: str = "") -> bytes:
    """Sorts by the day, so that old days can be dropped: that on which the call started, since a repeated send says the
    same."""
    return day.toordinal().to_bytes(4, "big") + call_id.encode()
