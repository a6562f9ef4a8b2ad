"""Corrections of one call, in whatever order, repeated and interrupted: what is charged is the newest cost."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, strategies as st

from ingest.events.costs import CostCorrected
from streams.correcting import History, change_of
from tests.builders import a_call_costed

CALL = a_call_costed(cost_usd="1")
COSTS = st.decimals(0, 5, places=12)


@st.composite
def corrections(draw: st.DrawFn) -> list[CostCorrected]:
    """As producers that know nothing of one another write them: versions in any order, some twice (a producer that was
    not answered writes the very same again). What they take for the cost before is right only in the first version."""
    versions = draw(st.lists(st.integers(2, 9), min_size=1, max_size=8))
    costs = {version: a_call_costed(cost_usd=draw(COSTS)).cost for version in versions}
    return [
        CostCorrected(CALL.finished, costs[version], version, "test", CALL.cost.cost_usd)
        for version in versions
    ]


@given(corrections(), st.data())
def test_the_deltas_sum_to_the_newest_cost_less_the_first(
    log: list[CostCorrected], data: st.DataObject
) -> None:
    history: History = ()
    charged: dict[int, Decimal] = {}
    stored = [history]  # after each record that was read
    durable = offset = 0
    while offset < len(log):
        change = change_of(log[offset], offset, history)
        if change is not None:
            # What is emitted again for the same offset has to be the same: a ledger drops the second.
            assert charged.setdefault(offset, change.delta_usd) == change.delta_usd
            history = msgspec.json.decode(msgspec.json.encode(change.history), type=History)
        offset += 1
        stored[offset:] = [history]
        durable = data.draw(st.integers(durable, offset), label="durable up to")
        if data.draw(st.booleans(), label="crash"):
            # The store is at least as new as the position, and may be newer.
            history = stored[data.draw(st.integers(durable, offset), label="the store is of")]
            offset = durable
    newest = max(log, key=lambda one: one.version)
    assert CALL.cost.cost_usd + sum(charged.values()) == newest.cost.cost_usd
    assert [applied.version for applied in history] == sorted({applied.version for applied in history})
