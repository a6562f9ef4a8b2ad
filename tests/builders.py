"""Valid events for tests, with only what matters to the test said: `a_call_costed(team="search", cost_usd="0.5")`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ingest.attribution import Attribution, BudgetScope
from ingest.events.calls import BudgetRef, Call, CallFinished, Outcome
from ingest.events.costs import CallCost, CallCosted, CostCorrected
from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.budgets import Budget
from ingest.ids import new_id
from ingest.money import ZERO, usd
from ingest.usage import TokenUsage

AT = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


def a_call_costed(**changes: Any) -> CallCosted:
    """A finished call that was priced: $0.01 (60 % input, 40 % output) unless said otherwise.

    `changes` may name any field of `Call`, `Attribution`, `CallFinished`, `TokenUsage` and `CallCost`, each where it
    belongs. Each call has a new id. With `cost_usd` alone, the parts follow it; `latency_ms` moves `finished_at`.
    """
    taken: set[str] = set()
    cost_usd = usd(changes.get("cost_usd", "0.01"))
    output = usd(cost_usd * 2 / 5)
    latency_ms = changes.get("latency_ms", 812)
    started_at = changes.get("started_at", AT)
    who = _filled(Attribution(team="search", key_id="key-1", user="ada"), changes, taken)
    call = _filled(
        Call(new_id(), started_at, who, "openai", "gpt-4o", "chat", "/openai/v1/chat/completions"),
        changes,
        taken,
    )
    usage = _filled(TokenUsage(input_tokens=1000, output_tokens=300), changes, taken)
    finished = _filled(
        CallFinished(
            call=call,
            finished_at=started_at + timedelta(milliseconds=latency_ms),
            outcome=Outcome.OK,
            http_status=200,
            latency_ms=latency_ms,
            ttft_ms=90,
            usage=usage,
            response_model=call.model,
            response_id=f"resp-{call.call_id}",
        ),
        changes,
        taken,
        # The name of a field of both: `model` is what was asked for.
        without=frozenset({"call"}),
    )
    cost = _filled(
        CallCost(
            cost_usd=cost_usd,
            input_cost_usd=cost_usd - output,
            cache_cost_usd=ZERO,
            output_cost_usd=output,
            list_cost_usd=cost_usd,
            price_version="test/1",
        ),
        {name: usd(v) if name.endswith("_usd") and v is not None else v for name, v in changes.items()},
        taken,
    )
    if unknown := changes.keys() - taken:
        raise TypeError(f"a costed call has no field {', '.join(sorted(unknown))}")
    return CallCosted(finished, cost)


def corrected(
    event: CallCosted, version: int = 2, reason: str = "price corrected", **cost: Any
) -> CostCorrected:
    """A later cost of the same call; `cost` as in `a_call_costed`."""
    return CostCorrected(event.finished, a_call_costed(**cost).cost, version, reason)


def a_budget(**changes: Any) -> Budget:
    """$10 a month for the team search, warned at the usual shares."""
    budget = Budget("search-monthly", BudgetScope(team="search"), Decimal("10.00"), "month", AT)
    return msgspec.structs.replace(budget, **changes)


def a_budget_state(**changes: Any) -> BudgetStateChanged:
    """The balance of `a_budget()`: open, $1 spent."""
    state = BudgetStateChanged(
        budget=a_budget(),
        window="0/2026-11-01T00:00:00Z",
        status=BudgetStatus.OPEN,
        spent_usd=usd("1"),
        reserved_usd=ZERO,
        changed_at=AT,
        until=datetime(2026, 12, 1, tzinfo=UTC),
    )
    return msgspec.structs.replace(state, **changes)


def a_budget_ref(**changes: Any) -> BudgetRef:
    """The balance of `a_budget()` in November 2026."""
    return msgspec.structs.replace(BudgetRef("search-monthly", "0/2026-11-01T00:00:00Z"), **changes)


def _filled(
    struct: Any, changes: dict[str, Any], taken: set[str], without: frozenset[str] = frozenset()
) -> Any:
    """`struct` with those `changes` that are fields of it; their names go to `taken`."""
    own = {name: v for name, v in changes.items() if name in struct.__struct_fields__ and name not in without}
    taken.update(own)
    return msgspec.structs.replace(struct, **own)
