"""Every call ends exactly once, whatever is lost, late, repeated or out of order, and wherever the worker crashes.

Gateways that lose their last words are mixed with the worker's own crashes. The steps, with the reaper among them, are the
real ones (`tests.simulated_worker`).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

from hypothesis import given, settings, strategies as st

from ingest.codec import Event, encode_event
from ingest.events.calls import BudgetRef, CallFinished, CallStarted, GatewayRetired
from ingest.events.costs import CallCosted, CostCorrected
from ingest.events.governance import BudgetDefined
from ingest.events.states import BudgetStateChanged
from ingest.governance.windows import window_at
from ingest.ids import new_id
from ingest.log import Outgoing
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import PriceLists, shipped_list
from streams.agents.reaper import REAP_AFTER_S
from streams.reaping import GATEWAY_LOST
from tests.builders import a_budget, a_call_costed
from tests.simulated_worker import NOW, PARTITIONS, Log, Process

LISTS = PriceLists(shipped_list())
BUDGET = a_budget(name="all", created_at=NOW, limit_usd=Decimal(100))
REF = BudgetRef(BUDGET.name, window_at(BUDGET, NOW).id)
# gpt-4o on 2026-11-24: $2.50 for a million tokens of input; 4,001 bytes are taken for 1,001 tokens.
REAL_USD, ESTIMATE_USD = Decimal("0.0055"), Decimal("0.0025025")
GATEWAYS = ("gateway/1", "gateway/2")


class Sent(NamedTuple):
    """A call, and what of it the gateway could write."""

    gateway: str
    finished: CallFinished
    has_start: bool
    has_end: bool

    def records(self) -> list[Outgoing]:
        call = self.finished.call
        events: list[tuple[Event, str]] = []
        if self.has_start:
            events.append((CallStarted(call), "started"))
        if self.has_end:
            events.append((self.finished, "finished"))
        return [
            Outgoing(
                "llm.calls",
                call.who.team,
                encode_event(event, id=f"{call.call_id}/{what}", source=self.gateway, time=NOW),
            )
            for event, what in events
        ]


def retired(gateway: str) -> list[Outgoing]:
    """As the gateway's successor says it: on every partition."""
    value = encode_event(GatewayRetired(gateway, NOW), id=f"{gateway}/retired", source="next", time=NOW)
    return [Outgoing("llm.calls", gateway, value, number) for number in range(PARTITIONS)]


@st.composite
def sent_calls(draw: st.DrawFn) -> list[Sent]:
    return [
        Sent(
            draw(st.sampled_from(GATEWAYS)),
            a_call_costed(
                call_id=f"call-{number}",
                team=draw(st.sampled_from(["search", "chat", "code"])),
                budgets=(REF,),
                request_bytes=4001,
            ).finished,
            *draw(st.sampled_from([(True, True), (True, False), (True, False), (False, True)])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


@given(sent_calls(), st.data())
@settings(max_examples=200)
def test_every_call_ends_once_in_any_order_and_through_any_crash(
    sent: list[Sent], data: st.DataObject
) -> None:
    log = Log()
    defined = encode_event(BudgetDefined(BUDGET, NOW), id=new_id(), source="t", time=NOW)
    log.append(Outgoing("governance", BUDGET.name, defined))
    process = Process(log, PriceHistory(LISTS), data)
    records = [record for one in sent for record in one.records()]
    records += retired(GATEWAYS[0])
    records += data.draw(st.lists(st.sampled_from(records), max_size=4), label="sent again")
    records = data.draw(st.permutations(records), label="order")
    # What follows comes late: gateways have retired, and calls have been open for too long.
    late = data.draw(st.integers(0, len(records)), label="late from")
    for part in (records[:late], records[late:]):
        for record in part:
            log.append(record)
        process.run(most_crashes=4)
        process.tick(2 * REAP_AFTER_S)
        process.run(most_crashes=4)
    process.tick(2 * REAP_AFTER_S)  # a call whose start came after its end
    process.run(most_crashes=0)
    process.tick()

    ends, newest = _costs(log)
    assert ends.keys() == {one.finished.call.call_id for one in sent}
    for one in sent:
        call_id = one.finished.call.call_id
        assert len(set(ends[call_id])) == 1  # a crash may publish an end twice, never another one
        end, cost = newest[call_id]
        assert cost == (REAL_USD if one.has_end else ESTIMATE_USD)
        assert end.is_estimated == (not one.has_end)
        assert end.error_type == ("" if one.has_end else GATEWAY_LOST)
    assert _spent(log) == sum((cost for _, cost in newest.values()), Decimal(0))


def _costs(log: Log) -> tuple[dict[str, list[bytes]], dict[str, tuple[CallFinished, Decimal]]]:
    """By call: every first cost that was published, and the end and the cost that hold in the warehouse."""
    first: defaultdict[str, list[bytes]] = defaultdict(list)
    newest: dict[str, tuple[int, CallFinished, Decimal]] = {}
    for event in log.events("llm.costs"):
        assert isinstance(event, CallCosted | CostCorrected)
        call_id = event.finished.call.call_id
        version = event.version if isinstance(event, CostCorrected) else 1
        if isinstance(event, CallCosted):
            first[call_id].append(encode_event(event, id="", source="", time=NOW))
        if version >= newest.get(call_id, (0,))[0]:
            newest[call_id] = (version, event.finished, event.cost.cost_usd)
    return first, {call_id: (end, cost) for call_id, (_, end, cost) in newest.items()}


def _spent(log: Log) -> Decimal:
    *_, last = log.events("budget.states")
    assert isinstance(last, BudgetStateChanged)
    return last.spent_usd
