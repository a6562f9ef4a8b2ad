"""Calls whose end nobody recorded: which ones they are, and what is put in the place of their end. Pure.

A gateway writes down that a call goes out before it does, and that it has ended before the answer's last byte is passed
on. A gateway that is killed leaves calls that have begun and never end, and a provider that may bill them. They are ended
here, each once: when their gateway is known to be gone (`GatewayRetired`, which stands behind everything that it had
recorded), or when they have been open for too long.

The end is an estimate and says so. Its input is the request's length by four (a token is about four bytes of English text:
OpenAI, "What are tokens and how to count them?", help centre); output is what nobody saw, and counted as none. When the
real end arrives after all, it corrects the cost; it never makes a second call.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from ingest.codec import decode_event, encode_event
from ingest.events.calls import Call, CallFinished, CallStarted, Outcome
from ingest.events.costs import CallCost, CostCorrected
from ingest.log import Outgoing
from ingest.topics import TopicName
from ingest.usage import TokenUsage

REAPER = "spendstream/streams/reaper"
"""The CloudEvents source of the ends that are made here."""
GATEWAY_LOST = "gateway_lost"
BYTES_PER_TOKEN = 4
LATE_REASON = "the call's end arrived after it had been given up"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_VERSION = 1


class OpenCall(NamedTuple):
    """A call that has begun: the bytes of its `CallStarted`, who wrote them, and since when the log has them."""

    gateway: str
    call: Call
    value: bytes
    logged_ms: int

    @classmethod
    def of(cls, value: bytes, logged_ms: int) -> OpenCall:
        """Raises DecodeError, and TypeError for another event than `CallStarted`."""
        envelope = decode_event(value)
        if not isinstance(envelope.data, CallStarted):
            raise TypeError(f"{envelope.type} does not begin a call")
        return cls(envelope.source, envelope.data.call, value, logged_ms)


class OpenCalls:
    """The open calls of one partition. `take_changes` says what has to be stored; what began and ended in between leaves
    no trace there."""

    def __init__(self, stored: Iterable[OpenCall] = ()) -> None:
        self._open = {one.call.call_id: one for one in stored}
        self._stored = set(self._open)
        self._changes: dict[str, OpenCall | None] = {}
        self._given_up: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, one: OpenCall) -> None:
        """A call has begun. Hearing it again has it stored again: what was stored before may be known here alone."""
        call_id = one.call.call_id
        self._changes[call_id] = self._open.setdefault(call_id, one)

    def end(self, call_id: str, is_repeat: bool = False) -> None:
        """A call has ended, whoever says so. `is_repeat`: that was known before, so that what is stored may be behind."""
        self._open.pop(call_id, None)
        self._given_up.discard(call_id)
        if call_id in self._stored or is_repeat:
            self._changes[call_id] = None
        else:
            self._changes.pop(call_id, None)

    def of_gateway(self, gateway: str) -> list[OpenCall]:
        """The calls of a gateway that is gone; each is given out once, here or by `older_than`."""
        return self._give_up(one for one in self._open.values() if one.gateway == gateway)

    def older_than(self, logged_ms: int) -> list[OpenCall]:
        """The calls that the log has had since before `logged_ms` (milliseconds since 1970)."""
        return self._give_up(one for one in self._open.values() if one.logged_ms < logged_ms)

    def take_changes(self) -> dict[str, OpenCall | None]:
        """By call id: what has to be stored, None: deleted, since the last call."""
        changes, self._changes = self._changes, {}
        for call_id, one in changes.items():
            if one is None:
                self._stored.discard(call_id)
            else:
                self._stored.add(call_id)
        return changes

    def _give_up(self, those: Iterable[OpenCall]) -> list[OpenCall]:
        found = [one for one in those if one.call.call_id not in self._given_up]
        self._given_up.update(one.call.call_id for one in found)
        return found


def estimated_end(call: Call, ended_at: datetime) -> CallFinished:
    """What stands in the place of the end of `call`. Its latency is not known and is 0: a price by the hour would bill the
    time until somebody noticed."""
    return CallFinished(
        call=call,
        finished_at=max(ended_at, call.started_at),
        outcome=Outcome.ABORTED,
        http_status=0,
        latency_ms=0,
        usage=TokenUsage(input_tokens=-(-max(0, call.request_bytes) // BYTES_PER_TOKEN)),
        is_estimated=True,
        error_type=GATEWAY_LOST,
    )


def end_record(one: OpenCall, ended_at: datetime) -> Outgoing:
    """On `llm.calls`, by team, where the call began: from there on it is a call like all others."""
    finished = estimated_end(one.call, ended_at)
    value = encode_event(
        finished,
        id=f"{one.call.call_id}/reaped",
        source=REAPER,
        time=finished.finished_at,
        subject=one.call.who.team,
    )
    return Outgoing(TopicName.CALLS, one.call.who.team, value)


class Ending(NamedTuple):
    """How a call has ended, as far as it is known: the offset of the first record that said so; where that was an estimate
    of ours, what it cost, USD; and the offset of the real end that came later."""

    offset: int
    estimate_usd: Decimal | None = None
    late: int | None = None

    @classmethod
    def read(cls, text: bytes) -> Ending:
        offset, *more = text.decode().split("/")
        return cls(int(offset), Decimal(more[0]) if more else None, int(more[1]) if len(more) > 1 else None)

    def written(self) -> bytes:
        parts = (self.offset, self.estimate_usd, self.late)
        return "/".join(
            format(part, "f" if isinstance(part, Decimal) else "") for part in parts if part is not None
        ).encode()


class Verdict(Enum):
    """What a record that says that a call has ended comes to."""

    PRICE = "price"
    """It is the first to say so, or that record again."""
    CORRECT = "correct"
    """It is the real end of a call that was given up, or that record again."""
    REPEAT = "repeat"


def judge(known: Ending | None, offset: int, source: str) -> Verdict:
    """`known` is how the call had ended before the record at `offset`, which `source` wrote."""
    if known is None or offset <= known.offset:
        return Verdict.PRICE
    if known.estimate_usd is None or source == REAPER or known.late not in (None, offset):
        return Verdict.REPEAT
    return Verdict.CORRECT


def late_end(finished: CallFinished, cost: CallCost, estimate_usd: Decimal, logged_ms: int) -> CostCorrected:
    """The correction that the real end of a call brings which was given up. The log took it at `logged_ms` (milliseconds
    since 1970), which is its version too: the same record gives the same correction."""
    logged_at = _EPOCH + timedelta(milliseconds=logged_ms) if logged_ms else finished.finished_at
    return CostCorrected(
        finished=finished,
        cost=cost,
        version=max(_FIRST_VERSION + 1, (logged_at - _EPOCH) // timedelta(microseconds=1)),
        reason=LATE_REASON,
        previous_cost_usd=estimate_usd,
        previous_version=_FIRST_VERSION,
        corrected_at=logged_at,
    )
