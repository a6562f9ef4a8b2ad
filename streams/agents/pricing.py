"""`llm.calls` -> costs on `llm.costs` and charges on `budget.charges`; ends on `llm.calls` of calls that nobody else ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from ingest.clock import Clock
from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.calls import Call, CallFinished, CallStarted, GatewayRetired
from ingest.events.charges import SourcePosition
from ingest.events.costs import CallCosted
from ingest.letters import LONGEST_VALUE, dead_letter, letter_record
from ingest.log import Outgoing, Record
from streams.agents.pinned import CallPrices
from streams.agents.reaper import Reaper
from streams.agents.tables import Table
from streams.charging import charges_for
from streams.costing import cost_call
from streams.outgoing import PRICING, charge_record, correction_record, cost_record
from streams.reaping import REAPER, Ending, Verdict, judge, late_end
from streams.step import Work
from streams.unpriced import UnpricedCalls

_LOG = logging.getLogger(__name__)


SEEN_DAYS = 35
"""How late a call may come and be remembered under the day on which it started: as long as late calls are accepted."""
KEEP_DAYS = SEEN_DAYS + 7
"""How long that day is kept: a call that came as late as may be is still known when it is sent again days later."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PricingStep:
    """Prices every finished call once. `seen` maps a call to how it ended (`streams.reaping.Ending`), which begins with the
    offset at which that first stood: the same call at a later offset is a repeated send and is dropped, unless it is the
    real end of a call that had been given up; the same record again is priced again, to the same result."""

    def __init__(self, seen: Table, prices: CallPrices, clock: Clock, reaper: Reaper) -> None:
        self._seen = seen
        self._reaper = reaper
        self._prices = prices
        self._clock = clock
        self._records: list[Outgoing] = []
        self._partitions: Sequence[int] = ()
        self._forgot_on: date | None = None
        self._unpriced = UnpricedCalls()
        self.repeated_sends = 0

    def accept(self, record: Record) -> None:
        try:
            envelope = decode_event(record.value)
            self._reaper.read(record)
            match envelope.data:
                case CallFinished():
                    self._end(record, envelope.source, envelope.data)
                case CallStarted():
                    self._reaper.begin(record, envelope.source, envelope.data.call)
                case GatewayRetired():
                    self._records += self._reaper.retire(record.partition, envelope.data)
                case other:
                    raise DecodeError(f"{type(other).__name__} does not belong on {record.topic}")
        except DecodeError as reason:
            self._bury(record, str(reason))

    def take(self) -> Work:
        self._forget()
        self._records += self._reaper.due()
        # That a call has ended is stored before it is no longer open: see `streams.agents.reaper`.
        stored = [self._seen.flush(), self._reaper.flush()]
        work = Work(self._records, stored, first=self._prices.store())
        self._records = []
        return work

    def next_due(self) -> float | None:
        due = [at for at in (self._prices.next_due(), self._reaper.next_due()) if at is not None]
        return min(due, default=None)

    def restore(self, partitions: Sequence[int], /) -> None:
        self._records = []
        self._prices.restore(partitions)
        self._reaper.restore(partitions)
        self._partitions = partitions
        self._forgot_on = None

    def _end(self, record: Record, source: str, finished: CallFinished) -> None:
        key, known = self._known(record, finished.call)
        verdict = judge(known, record.offset, source)
        self._reaper.end(record.partition, finished.call.call_id, is_repeat=known is not None)
        if verdict is Verdict.REPEAT:
            self.repeated_sends += 1
            return
        costed = cost_call(finished, self._prices.book(record.partition, record.offset))
        if verdict is Verdict.CORRECT and known is not None and known.estimate_usd is not None:
            corrected = late_end(finished, costed.cost, known.estimate_usd, record.timestamp_ms)
            self._publish_cost(record, correction_record(corrected, PRICING))
            known = known._replace(late=record.offset)
        else:
            self._price(record, costed)
            estimate_usd = costed.cost.cost_usd if source == REAPER else None
            known = known or Ending(record.offset, estimate_usd)
        # Also where nothing is new: the store may be ahead of its changelog (see `streams.agents.tables`).
        self._seen.put(record.partition, key, known.written())

    def _price(self, record: Record, costed: CallCosted) -> None:
        if (line := self._unpriced.note(costed, self._clock.monotonic())) is not None:
            _LOG.warning("%s", line)
        self._publish_cost(record, cost_record(costed))
        source = SourcePosition(record.partition, record.offset)
        self._records += [charge_record(charge) for charge in charges_for(costed, source)]

    def _publish_cost(self, record: Record, cost: Outgoing) -> None:
        if cost.value is not None and len(cost.value) > LONGEST_VALUE:
            self._bury(record, f"its cost event has {len(cost.value)} bytes; the limit is {LONGEST_VALUE}")
        else:
            self._records.append(cost)

    def _known(self, record: Record, call: Call) -> tuple[bytes, Ending | None]:
        """How the call has ended, if that is known, and under which key it is, or will be, remembered."""
        keys = seen_keys(record, call)
        for key in keys:
            if (text := self._seen.get(record.partition, key)) is not None:
                return key, Ending.read(text)
        return keys[0], None

    def _forget(self) -> None:
        today = self._clock.now().date()
        if today != self._forgot_on:
            self._forgot_on = today
            for partition in self._partitions:
                self._seen.drop_below(partition, seen_key(today - timedelta(days=KEEP_DAYS)))

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
    days = [logged - timedelta(days=ago) for ago in range(SEEN_DAYS)]
    # The day of its start too: when it first came, it may not yet have been later than that.
    return [seen_key(day, call.call_id) for day in (*days, started)]


def seen_key(day: date, call_id: str = "") -> bytes:
    """Sorts by the day, so that old days can be dropped: that on which the call started, since a repeated send says the
    same."""
    return day.toordinal().to_bytes(4, "big") + call_id.encode()
