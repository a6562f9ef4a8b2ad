"""A costed call as a row of `calls_raw`. Pure, exact, and strict: a row that is made here can be stored.

What could not be stored as it is (a time without a zone, a count below zero, more than twelve places) raises
InvalidInput with the quantity and the limit; such an event goes to the dead letters instead of spoiling its batch.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.errors import InvalidInput, InvalidMoney
from ingest.events.costs import CallCost, CallCosted, CostCorrected
from ingest.limits import UINT16, UINT32, UINT64, whole, within_years
from ingest.money import PLACES, usd
from ingest.usage import NO_USAGE, TokenUsage
from warehouse.columns import Table

FIRST_VERSION = 1
"""The version of `CallCosted`; a correction is higher."""

LATE = timedelta(days=35)
"""A call that started longer than this before its cost reached the log is late (DESIGN, section 3, promise 1)."""
AHEAD = timedelta(minutes=5)
"""A call that started further than this after its cost reached the log has a wrong clock (the same promise)."""

_NAME = "LowCardinality(String)"
_INSTANT = "DateTime64(6, 'UTC')"
_MONEY = "Decimal(38, 12)"
_TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "audio_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
)
_COSTS = ("cost_usd", "input_cost_usd", "cache_cost_usd", "output_cost_usd", "list_cost_usd")
OWN_COLUMN = frozenset({*_TOKENS, "cache_write_1h_tokens", "web_searches"})
"""Classes of `TokenUsage` that have a column; the others stand in `usage_extra`."""
_EXTRA = tuple(name for name in TokenUsage.__struct_fields__ if name not in OWN_COLUMN)

CALLS = Table(
    "calls_raw",
    (
        ("call_id", "String"),
        ("started_at", _INSTANT),
        ("finished_at", _INSTANT),
        ("latency_ms", "UInt32"),
        ("ttft_ms", "Nullable(UInt32)"),
        *((name, _NAME) for name in ("org", "team", "project", "key_id", "user")),
        ("tags", "Map(String, String)"),
        *((name, _NAME) for name in ("provider", "model", "operation")),
        ("is_stream", "Bool"),
        ("outcome", _NAME),
        ("http_status", "UInt16"),
        *((name, "UInt64") for name in _TOKENS),
        *((name, _MONEY) for name in _COSTS),
        ("price_version", _NAME),
        ("is_priced", "Bool"),
        ("is_estimated", "Bool"),
        ("request_model", _NAME),
        ("response_id", "String"),
        *((name, _NAME) for name in ("service_tier", "error_type", "origin", "path")),
        ("budgets", "Array(String)"),
        ("cache_write_1h_tokens", "UInt64"),
        ("web_searches", "UInt64"),
        *((name, _NAME) for name in ("unpriced_because", "correction_reason")),
        ("version", "UInt64"),
        ("kafka_partition", "UInt32"),
        ("kafka_offset", "UInt64"),
        ("attempt", "UInt32"),
        ("request_bytes", "UInt64"),
        ("hold_usd", f"Nullable({_MONEY})"),
        ("provider_cost_usd", f"Nullable({_MONEY})"),
        ("budget_windows", "Array(String)"),
        ("has_usage", "Bool"),
        ("usage_extra", "Map(String, UInt64)"),
        ("logged_at", "DateTime64(3, 'UTC')"),
        ("time_flag", _NAME),
    ),
)

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SURELY_FITS = 25


def call_row(event: CallCosted | CostCorrected, partition: int, offset: int, logged_ms: int = 0) -> Row:
    """The row of `event`, which stood at `offset` of `partition`, in the order of `CALLS.columns`.

    `logged_ms` is when the broker appended it, in milliseconds since 1970; 0 where nobody knows, which is taken as the
    moment of the call. Raises InvalidInput for what the table cannot hold exactly.
    """
    finished, call = event.finished, event.finished.call
    who, usage, cost = call.who, finished.usage or NO_USAGE, event.cost
    if not call.call_id:
        raise InvalidInput("call_id is empty; calls without one could not be told apart")
    version, reason = _version(event)
    started_at = micros("started_at", call.started_at)
    logged_ms = logged_ms or started_at // 1000
    return (
        call.call_id,
        started_at,
        micros("finished_at", finished.finished_at),
        whole("latency_ms", finished.latency_ms, UINT32),
        None if finished.ttft_ms is None else whole("ttft_ms", finished.ttft_ms, UINT32),
        who.org,
        who.team,
        who.project,
        who.key_id,
        who.user,
        who.tags,
        call.provider,
        finished.model,
        call.operation,
        call.is_stream,
        finished.outcome.value,
        whole("http_status", finished.http_status, UINT16),
        *_tokens(usage),
        *_costs(cost),
        cost.price_version,
        cost.is_priced,
        finished.is_estimated,
        call.model,
        finished.response_id,
        finished.service_tier,
        finished.error_type,
        call.origin.value,
        call.path,
        [ref.budget_id for ref in call.budgets],
        whole("cache_write_1h_tokens", usage.cache_write_1h_tokens, UINT64),
        whole("web_searches", usage.web_searches, UINT64),
        cost.unpriced_because,
        reason,
        version,
        partition,
        offset,
        whole("attempt", call.attempt, UINT32),
        whole("request_bytes", call.request_bytes, UINT64),
        _claim(call.hold_usd),
        _claim(finished.provider_cost_usd),
        [ref.window for ref in call.budgets],
        finished.usage is not None,
        _extra(usage),
        logged_ms,
        time_flag(started_at, logged_ms) if isinstance(event, CallCosted) else event.time_flag,
    )


def time_flag(started_at_us: int, logged_ms: int) -> str:
    """`late` or `ahead` where the start of a call and the moment at which it reached the log lie too far apart, else empty.

    Both are counted since 1970, in microseconds and in milliseconds.
    """
    lag = timedelta(microseconds=logged_ms * 1000 - started_at_us)
    if lag > LATE:
        return "late"
    return "ahead" if -lag > AHEAD else ""


def micros(name: str, instant: datetime) -> int:
    """Microseconds since 1970, exactly (a float would lose some), as `DateTime64(6)` stores them."""
    if instant.tzinfo is None:
        raise InvalidInput(f"{name} is {instant.isoformat()}, without a time zone")
    return (within_years(name, instant) - _EPOCH) // _MICROSECOND


def money(name: str, amount: Decimal) -> Decimal:
    """`amount` with 12 places; raises InvalidMoney rather than rounding."""
    if amount.same_quantum(PLACES) and amount.adjusted() < _SURELY_FITS:
        return amount  # as we write amounts, and far from what does not fit
    exact = usd(amount)
    if exact != amount:
        raise InvalidMoney(f"{name} is {amount}; more than 12 places cannot be stored exactly")
    return exact


def _version(event: CallCosted | CostCorrected) -> tuple[int, str]:
    if isinstance(event, CallCosted):
        return FIRST_VERSION, ""
    if not FIRST_VERSION < event.version <= UINT64:
        raise InvalidInput(f"version is {event.version}; a correction's lies above {FIRST_VERSION}")
    return event.version, event.reason


def _tokens(usage: TokenUsage) -> list[int]:
    return [whole(name, getattr(usage, name), UINT64) for name in _TOKENS]


def _extra(usage: TokenUsage) -> dict[str, int]:
    return {name: whole(name, count, UINT64) for name in _EXTRA if (count := getattr(usage, name))}


def _claim(amount: Decimal | None) -> Decimal | None:
    """What somebody said a call would cost or did: rounded, since no sum is built of it and no call is lost over it."""
    return None if amount is None else usd(amount)


def _costs(cost: CallCost) -> list[Decimal]:
    amounts = [money(name, getattr(cost, name)) for name in _COSTS]
    total, parts = amounts[0], amounts[1] + amounts[2] + amounts[3]
    if total != parts:
        raise InvalidMoney(f"cost_usd is {total}, but its parts (input, cache, output) sum to {parts}")
    return amounts
