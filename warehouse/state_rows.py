"""Budget states, dead letters and what became of them as rows of their tables. Pure; see `warehouse.rows` for the rules."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ingest.attribution import SCOPE_DIMENSIONS, BudgetScope
from ingest.errors import InvalidInput
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved
from ingest.events.states import BudgetStateChanged
from ingest.limits import UINT64, whole
from ingest.money import usd
from warehouse.columns import Table
from warehouse.rows import Row, micros, money

_NAME = "LowCardinality(String)"
_INSTANT = "DateTime64(6, 'UTC')"
_MONEY = "Decimal(38, 12)"
_SHARES = "Array(Decimal(18, 9))"
_SHARE_PLACES = Decimal("0.000000001")
_MOST_SHARE = 1000

BUDGET_STATES = Table(
    "budget_states",
    (
        ("name", "String"),
        ("changed_at", _INSTANT),
        ("window", "String"),
        ("status", _NAME),
        ("spent_usd", _MONEY),
        ("reserved_usd", _MONEY),
        ("limit_usd", _MONEY),
        ("overshoot_usd", _MONEY),
        ("until", f"Nullable({_INSTANT})"),
        ("warned_at", _SHARES),
        ("warn_at", _SHARES),
        ("scope", "String"),
        ("scope_dimensions", "Map(String, String)"),
        ("period", _NAME),
        ("timezone", _NAME),
        ("mode", _NAME),
        ("epoch", "UInt64"),
        ("created_at", _INSTANT),
        ("call_id", "String"),
        ("call_finished_at", f"Nullable({_INSTANT})"),
        ("kafka_partition", "UInt32"),
        ("kafka_offset", "UInt64"),
    ),
)

DEAD_LETTERS = Table(
    "dead_letters",
    (
        ("topic", _NAME),
        ("kafka_partition", "UInt32"),
        ("kafka_offset", "UInt64"),
        ("reason", "String"),
        ("key", "Nullable(String)"),
        ("value", "Nullable(String)"),
        ("seen_at", _INSTANT),
    ),
)

LETTER_ACTIONS = Table(
    "dead_letter_actions",
    (
        ("topic", _NAME),
        ("kafka_partition", "UInt32"),
        ("kafka_offset", "UInt64"),
        ("at", _INSTANT),
        ("action", _NAME),
        ("by", _NAME),
        ("note", "String"),
        ("value", "Nullable(String)"),
        ("replayed_to", "Nullable(UInt64)"),
    ),
)


def state_row(event: BudgetStateChanged, partition: int, offset: int) -> Row:
    """The row of `event` in the order of `BUDGET_STATES.columns`. Raises InvalidInput for what the table cannot hold.

    `window` names the balance (`0/2026-11-01T00:00:00Z`), `period` is the budget's own word (`month`).
    """
    budget = event.budget
    return (
        budget.name,
        micros("changed_at", event.changed_at),
        event.window,
        event.status.value,
        money("spent_usd", event.spent_usd),
        money("reserved_usd", event.reserved_usd),
        money("limit_usd", budget.limit_usd),
        money("overshoot_usd", event.overshoot_usd),
        None if event.until is None else micros("until", event.until),
        _shares("warned_at", event.warned_at),
        _shares("warn_at", budget.warn_at),
        budget.scope.describe(),
        _dimensions(budget.scope),
        budget.window,
        budget.timezone,
        budget.mode.value,
        whole("epoch", budget.epoch, UINT64),
        micros("created_at", budget.created_at),
        event.call_id,
        None if event.call_finished_at is None else micros("call_finished_at", event.call_finished_at),
        partition,
        offset,
    )


def letter_row(event: DeadLetter) -> Row:
    """The row of `event` in the order of `DEAD_LETTERS.columns`; key and value as the bytes they were."""
    return (
        event.topic,
        whole("partition", event.partition, 2**32 - 1),
        whole("offset", event.offset, UINT64),
        event.reason.encode(),
        event.key,
        event.value,
        micros("seen_at", event.seen_at),
    )


def action_row(event: DeadLetterFixed | DeadLetterResolved) -> Row:
    """The row of `event` in the order of `LETTER_ACTIONS.columns`; the value as the bytes that were given."""
    value, replayed_to = None, None
    if isinstance(event, DeadLetterFixed):
        at, action, value = event.fixed_at, "fixed", event.value
    else:
        at, action = event.at, event.action.value
        if event.replayed_to is not None:
            replayed_to = whole("replayed_to", event.replayed_to, UINT64)
    return (
        event.topic,
        whole("partition", event.partition, 2**32 - 1),
        whole("offset", event.offset, UINT64),
        micros("at", at),
        action,
        event.by,
        event.note.encode(),
        value,
        replayed_to,
    )


def _shares(name: str, shares: Sequence[Decimal]) -> list[Decimal]:
    """Shares of a limit, to nine places: enough to draw a threshold with."""
    for share in shares:
        if not 0 <= usd(share) <= _MOST_SHARE:
            raise InvalidInput(f"{name} holds {share}; a share of a limit lies between 0 and {_MOST_SHARE}")
    return [share.quantize(_SHARE_PLACES) for share in shares]


def _dimensions(scope: BudgetScope) -> dict[str, str]:
    return {name: value for name in SCOPE_DIMENSIONS if (value := getattr(scope, name))}
