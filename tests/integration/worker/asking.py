"""What these tests write to the log and read from it."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from ingest.events.calls import BudgetRef, CallFinished
from ingest.events.costs import CallCosted
from ingest.events.governance import BudgetDefined
from ingest.events.states import BudgetStateChanged
from ingest.governance.budgets import Budget
from ingest.governance.windows import window_at
from ingest.log import Outgoing
from tests.builders import a_budget, a_call_costed
from tests.fixtures.worker import (
    events,
    eventually,
    governance_record,
    read_topic,
)

SETTLE_S = 60.0
# gpt-4o on 2026-11-24: $2.50 and $10.00 for a million tokens; 1000 in and 300 out.
A_CALL_COSTS = Decimal("0.0055")


def budgets(*limits: str) -> list[Budget]:
    now = datetime.now(UTC)
    return [
        a_budget(name=f"budget-{uuid.uuid4()}", limit_usd=Decimal(limit), created_at=now) for limit in limits
    ]


def defined(*those: Budget) -> list[Outgoing]:
    return [governance_record(BudgetDefined(budget, budget.created_at)) for budget in those]


def a_call(*those: Budget, team: str = "search", **changes: object) -> CallFinished:
    refs = tuple(BudgetRef(b.name, window_at(b, b.created_at).id) for b in those)
    return a_call_costed(team=team, budgets=refs, **changes).finished


async def newest_states(kafka: str, those: list[Budget]) -> dict[str, BudgetStateChanged]:
    names = {budget.name for budget in those}
    states = events(await read_topic(kafka, "budget.states"), BudgetStateChanged)
    return {state.budget.name: state for state in states if state.budget.name in names}


async def settled(kafka: str, those: list[Budget], spent: list[Decimal]) -> dict[str, BudgetStateChanged]:
    """The newest states, once they show what is `spent`."""
    found: dict[str, BudgetStateChanged] = {}

    async def ask() -> bool:
        found.update(await newest_states(kafka, those))
        return [found[b.name].spent_usd if b.name in found else None for b in those] == spent

    await eventually(ask, SETTLE_S, lambda: {n: s.spent_usd for n, s in found.items()})
    return found


async def costs_of(kafka: str, calls: list[CallFinished]) -> Counter[str]:
    ids = {call.call.call_id for call in calls}
    costed = events(await read_topic(kafka, "llm.costs"), CallCosted)
    return Counter(c.finished.call.call_id for c in costed if c.finished.call.call_id in ids)
