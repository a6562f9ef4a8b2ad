"""What the providers served against what we recorded, call by call, joined by the name that each client gave each try. Pure.

Every served call is metered exactly, or it was cut: by its client, by the provider, or because its gateway was killed. What
a cut call cost is an estimate of ours, and how far it is from the provider's own count is reported, not required.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway_shim.simulation.ledger import ServedCall
from ingest.events.calls import Call, CallFinished, CallStarted, Outcome
from ingest.events.costs import CallCost
from ingest.usage import NO_USAGE
from tests.chaos.comparing import Fault
from tests.chaos.load import Saw, Try
from tests.chaos.log_books import LogBooks
from tests.chaos.prices import TOKENS, independent_cost

GATEWAY_LOST = "gateway_lost"
EXACT, ERRORS, UNSERVED = "metered exactly", "errors", "never reached the provider"
LOST, OPEN = "gateway killed: estimated", "gateway killed: still open"
BY_CLIENT, BY_PROVIDER = "cut by the client: estimated", "cut by the provider: estimated"
STREAM, WHOLE = " (stream)", " (whole answer)"
_GONE = (Saw.HUNG_UP, Saw.BROKEN)


@dataclass
class Group:
    """Calls of one kind: the provider's count and ours, tokens by class and USD."""

    calls: int = 0
    theirs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOKENS, 0))
    ours: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOKENS, 0))
    their_usd: Decimal = Decimal(0)
    our_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, served: ServedCall | None, finished: CallFinished | None, cost: CallCost | None) -> None:
        """Count one call; `served` or what is ours may be missing."""
        self.calls += 1
        usage: Any = (finished.usage if finished else None) or NO_USAGE
        bill = billed(served) if served else Decimal(0)
        self.unpriced += bill is None
        self.their_usd += bill or 0
        self.our_usd += cost.cost_usd if cost else 0
        for name in TOKENS:
            self.theirs[name] += getattr(served.usage, name) if served else 0
            self.ours[name] += getattr(usage, name)


def billed(served: ServedCall) -> Decimal | None:
    """What the provider's count costs; None for a model without a price."""
    counts = msgspec.structs.asdict(served.usage)
    if not any(counts.values()):
        return Decimal(0)
    return independent_cost(
        served.provider, (served.model, served.asked_model), counts, datetime.fromisoformat(served.at)
    )


class Serving:
    """Joins the books. `faults` and `groups` are complete once `compare` has run."""

    def __init__(self, log: LogBooks, served: Sequence[ServedCall], tries: Sequence[Try]) -> None:
        self._log = log
        self._tries: Mapping[str, Try] = {one.ref: one for one in tries}
        self._served: defaultdict[str, list[ServedCall]] = defaultdict(list)
        for answer in served:
            self._served[answer.ref].append(answer)
        self._ours: defaultdict[str, list[str]] = defaultdict(list)
        for call in _calls(log):
            if (ref := call.who.tags.get("ref", "")) and not ref.startswith("invented-"):
                self._ours[ref].append(call.call_id)
        self.groups: defaultdict[str, Group] = defaultdict(Group)
        self.faults: list[Fault] = []

    def compare(self) -> None:
        """Look at every try that anybody knows of."""
        for ref in sorted(self._served.keys() | self._ours.keys() | self._tries.keys()):
            served, ours = self._served.get(ref, []), self._ours.get(ref, [])
            if len(served) > 1:
                self._fault(f"the provider served {ref} {len(served)} times", ours)
            elif len(ours) > 1:
                self._fault(f"{ref} is {len(ours)} calls of ours", ours)
            elif served and not ours:
                self._fault(f"{ref} was served and nobody has heard of it: {served[0]}", ours)
            else:
                self.faults += self._one(ref, served[0] if served else None, ours[0] if ours else None)

    def _one(self, ref: str, served: ServedCall | None, call_id: str | None) -> Iterator[Fault]:
        tried = self._tries.get(ref)
        if tried is not None and tried.call_id and tried.call_id != call_id:
            yield Fault(f"the client of {ref} was told {tried.call_id}, which is no call of ours")
        if tried is not None and tried.saw is Saw.WHOLE and (call_id is None or served is None):
            yield Fault(
                f"the client of {ref} has an answer that {'we' if served else 'the provider'} know nothing of"
            )
        if call_id is None:
            return
        if call_id not in self._log.finished:
            self.groups[OPEN].add(served, None, None)
            if tried is not None and tried.saw is Saw.WHOLE:
                yield Fault(
                    "a client has the whole answer of a call whose end nobody has recorded", (call_id,)
                )
            return
        if call_id not in self._log.costed:
            return  # told elsewhere
        finished, cost = self._log.cost(call_id)
        yield from self._judged(tried, served, finished, cost)

    def _judged(
        self, tried: Try | None, served: ServedCall | None, finished: CallFinished, cost: CallCost
    ) -> Iterator[Fault]:
        call_id, saw = finished.call.call_id, tried.saw if tried else None
        kind = _kind(served, finished, saw)
        if kind is None:
            yield Fault(
                f"the client saw {saw}, the provider {served and (served.outcome, served.aborted_by)}, and we recorded"
                f" {finished.outcome.value} ({finished.error_type or 'no error'}), estimated: {finished.is_estimated}",
                (call_id,),
            )
            return
        how = "" if kind not in (BY_CLIENT, BY_PROVIDER) else STREAM if finished.call.is_stream else WHOLE
        self.groups[kind + how].add(served, finished, cost)
        if kind == EXACT and served is not None:
            usage = finished.usage or NO_USAGE
            theirs = {name: getattr(served.usage, name) for name in TOKENS}
            mine = {name: getattr(usage, name) for name in TOKENS}
            if theirs != mine:
                yield Fault(f"the provider counted {theirs}, we {mine}", (call_id,))
            if (bill := billed(served)) != (cost.cost_usd if cost.is_priced else None):
                yield Fault(
                    f"by the provider's count a call costs {bill}, by ours {cost.cost_usd}", (call_id,)
                )
            if served.response_id and finished.response_id not in ("", served.response_id):
                yield Fault(
                    f"the provider's answer is {served.response_id}, ours {finished.response_id}", (call_id,)
                )
        elif (
            kind in (ERRORS, UNSERVED)
            and finished.outcome in (Outcome.ERROR, Outcome.REFUSED)
            and cost.cost_usd
        ):
            yield Fault(f"an error costs {cost.cost_usd}", (call_id,))

    def _fault(self, what: str, calls: Sequence[str]) -> None:
        self.faults.append(Fault(what, tuple(calls)))


def _kind(served: ServedCall | None, finished: CallFinished, saw: Saw | None) -> str | None:
    """Which group a call belongs to; None when what we recorded cannot be excused."""
    if finished.error_type == GATEWAY_LOST:
        return None if saw is Saw.WHOLE else LOST
    if finished.outcome is Outcome.REFUSED:
        return UNSERVED if served is None and saw is not Saw.WHOLE else None
    if served is None:
        # The client, or the gateway, went before the provider had read the request.
        return (
            UNSERVED
            if finished.is_estimated or finished.outcome is Outcome.ERROR or not finished.usage
            else None
        )
    if finished.outcome is Outcome.ERROR:
        return ERRORS if served.outcome == "error" or not any(msgspec.structs.astuple(served.usage)) else None
    if finished.usage is not None and not finished.is_estimated:
        return EXACT if served.outcome != "error" else None
    if served.outcome == "aborted" and served.aborted_by == "provider":
        return BY_PROVIDER
    return BY_CLIENT if saw in _GONE else None


def _calls(log: LogBooks) -> Iterator[Call]:
    for call_id, told in log.started.items():
        if call_id not in log.finished and isinstance(told.event, CallStarted):
            yield told.event.call
    for call_id in log.finished:
        yield log.call(call_id).call
