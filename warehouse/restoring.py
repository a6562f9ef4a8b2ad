"""A row of `calls` turned back into the call that it was made from. Pure; the inverse of `warehouse.rows`.

The log keeps 30 days, the warehouse keeps the calls: what is to be priced again later is read here. Two things do not come
back: a `response_model` that only repeats the requested one is empty, which means the same; and rows that were stored before
the windows of budgets were (`warehouse/schema/010_calls_raw_detail.sql`) name no budgets, since half of a balance's name is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.attribution import Attribution
from ingest.events.calls import BudgetRef, Call, CallFinished, Origin, Outcome
from ingest.events.costs import CallCost
from ingest.usage import TokenUsage
from warehouse.rows import CALLS, OWN_COLUMN

COLUMNS = tuple(name for name in CALLS.names if name not in ("kafka_partition", "kafka_offset"))
"""What is needed of a row, in the order in which it is asked for."""

_COSTS = ("cost_usd", "input_cost_usd", "cache_cost_usd", "output_cost_usd", "list_cost_usd")
_WHO = ("org", "team", "project", "key_id", "user", "tags")
_COUNTS = tuple(name for name in TokenUsage.__struct_fields__ if name in OWN_COLUMN)


def call_of(row: Mapping[str, Any]) -> CallFinished:
    """The finished call of `row` (column -> value, instants aware, money Decimal)."""
    model, requested = row["model"], row["request_model"]
    return CallFinished(
        call=_call(row, requested),
        finished_at=row["finished_at"],
        outcome=Outcome(row["outcome"]),
        http_status=row["http_status"],
        latency_ms=row["latency_ms"],
        ttft_ms=row["ttft_ms"],
        usage=_usage(row) if row["has_usage"] else None,
        is_estimated=row["is_estimated"],
        response_model="" if model == requested else model,
        response_id=row["response_id"],
        service_tier=row["service_tier"],
        error_type=row["error_type"],
        provider_cost_usd=row["provider_cost_usd"],
    )


def cost_of_row(row: Mapping[str, Any]) -> CallCost:
    """What the call cost by `row`; without the components, which are on the log alone."""
    return CallCost(
        **{name: row[name] for name in _COSTS},
        price_version=row["price_version"],
        is_priced=row["is_priced"],
        unpriced_because=row["unpriced_because"],
    )


def _call(row: Mapping[str, Any], requested: str) -> Call:
    return Call(
        call_id=row["call_id"],
        started_at=row["started_at"],
        who=Attribution(**{name: row[name] for name in _WHO}),
        provider=row["provider"],
        model=requested,
        operation=row["operation"],
        path=row["path"],
        is_stream=row["is_stream"],
        budgets=_budgets(row["budgets"], row["budget_windows"]),
        hold_usd=row["hold_usd"],
        origin=Origin(row["origin"]),
        attempt=row["attempt"],
        request_bytes=row["request_bytes"],
    )


def _usage(row: Mapping[str, Any]) -> TokenUsage:
    """A class that this version does not know (any more) counts nothing."""
    extra = {
        name: count for name, count in row["usage_extra"].items() if name in TokenUsage.__struct_fields__
    }
    return TokenUsage(**{name: row[name] for name in _COUNTS}, **extra)


def _budgets(names: list[str], windows: list[str]) -> tuple[BudgetRef, ...]:
    return tuple(map(BudgetRef, names, windows)) if len(names) == len(windows) else ()
