"""The steps on a simulated log that crashes wherever it hurts: the outcome is that of a run without a crash,
whatever prices come in between.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings, strategies as st

from ingest.codec import encode_event
from ingest.events.calls import BudgetRef, CallFinished
from ingest.events.costs import CallCosted
from ingest.events.governance import BudgetDefined
from ingest.events.prices import PriceOverridden, PriceScope
from ingest.events.states import BudgetStateChanged
from ingest.governance.windows import window_at
from ingest.ids import new_id
from ingest.log import Outgoing
from ingest.pricing.history import PriceHistory
from ingest.pricing.lists import PriceLists, shipped_list
from tests.builders import a_budget, a_call_costed
from tests.simulated_worker import CRASHES, NOW, Log, Process

LISTS = PriceLists(shipped_list())
BUDGETS = tuple(a_budget(name=name, created_at=NOW, limit_usd=Decimal("0.02")) for name in "abc")
A_CALL_COSTS = Decimal("0.0055")


@st.composite
def sent_calls(draw: st.DrawFn) -> list[CallFinished]:
    """Finished calls of several teams; a gateway that heard no answer sends some of them again."""
    calls = [
        a_call_costed(
            team=draw(st.sampled_from(["search", "chat", "code"])),
            budgets=tuple(
                BudgetRef(budget.name, window_at(budget, NOW).id)
                for budget in draw(st.lists(st.sampled_from(BUDGETS), max_size=2, unique_by=lambda b: b.name))
            ),
        ).finished
        for _ in range(draw(st.integers(1, 12)))
    ]
    again = draw(st.lists(st.sampled_from(calls), max_size=4))
    place = draw(st.integers(0, len(calls)))
    return [*calls[:place], *(call for call in again if call in calls[:place]), *calls[place:]]


def a_price(dollars: int) -> PriceOverridden:
    """Of the calls' model: so many dollars for a million tokens of input, output free."""
    rates = {"input": Decimal(dollars), "output": Decimal(0)}
    return PriceOverridden(f"p{dollars}", PriceScope(model="gpt-4o"), NOW, NOW, rates=rates)


@given(sent_calls(), st.data())
@settings(max_examples=200, deadline=None)
def test_crashes_change_nothing(calls: list[CallFinished], data: st.DataObject) -> None:
    log = Log()
    for budget in BUDGETS:
        event = BudgetDefined(budget, NOW)
        log.append(
            Outgoing("governance", budget.name, encode_event(event, id=new_id(), source="t", time=NOW))
        )
    for call in calls:
        value = encode_event(call, id=f"{call.call.call_id}/finished", source="t", time=call.finished_at)
        log.append(Outgoing("llm.calls", call.call.who.team, value))
    history = PriceHistory(LISTS)
    process = Process(log, history, data)

    crashes = prices = 0
    while behind := process.behind():
        if prices < 6 and data.draw(st.integers(0, 5), label="new price at 5") == 5:
            prices += 1
            history.apply(a_price(prices), prices)
        topic, number = data.draw(st.sampled_from(behind), label="stage")
        crash = data.draw(CRASHES, label="crash") if crashes < 8 else ""
        crashes += bool(crash)
        process.round(topic, number, data.draw(st.integers(1, 6), label="records"), crash)
    process.tick()

    once = {call.call.call_id: call for call in calls}
    costed = [event for event in log.events("llm.costs") if isinstance(event, CallCosted)]
    assert {event.finished.call.call_id: event.finished for event in costed} == once
    costs = {event.finished.call.call_id: event.cost for event in costed}
    assert all(event.cost == costs[event.finished.call.call_id] for event in costed)
    assert prices or all(cost.cost_usd == A_CALL_COSTS for cost in costs.values())
    states = {}
    for state in log.events("budget.states"):
        assert isinstance(state, BudgetStateChanged)
        states[state.budget.name] = state
    for budget in BUDGETS:
        charged = [c for c in once.values() if any(ref.budget_id == budget.name for ref in c.call.budgets)]
        spent = sum((costs[call.call.call_id].cost_usd for call in charged), Decimal(0))
        assert states[budget.name].spent_usd == spent
        assert (states[budget.name].status == "blocked") == (spent >= budget.limit_usd)
