"""Budget states and dead letters in their tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ingest.codec import Event, encode_event
from ingest.events.dead_letters import DeadLetter
from ingest.events.states import BudgetStatus
from ingest.log import Record
from tests.builders import AT, a_budget, a_budget_state, a_call_costed
from warehouse.client import Client
from warehouse.destinations import BudgetStates, Calls, DeadLetters, Destination
from warehouse.errors import WarehouseRefused

pytestmark = pytest.mark.integration


def load(destination: Destination, events: Sequence[Event], first: int = 0) -> None:
    values = [encode_event(event, id="i", source="s", time=AT) for event in events]
    records = [Record(destination.topic, 0, first + n, b"k", value) for n, value in enumerate(values)]
    destination.insert([destination.row(record) for record in records], f"{first}+{len(records)}")


def test_each_budget_stands_as_it_was_told_last(warehouse: Client) -> None:
    later, other = AT + timedelta(seconds=1), a_budget(name="other", limit_usd=Decimal(5))
    states = [
        a_budget_state(spent_usd=Decimal(1)),
        a_budget_state(spent_usd=Decimal(2), changed_at=later, status=BudgetStatus.WARNED),
        a_budget_state(budget=other, status=BudgetStatus.DELETED),
        # The same instant, told later: this one holds.
        a_budget_state(spent_usd=Decimal(3), changed_at=later, status=BudgetStatus.BLOCKED),
    ]
    for _ in range(2):
        load(BudgetStates(warehouse), states)
    current = warehouse.rows(
        "SELECT name, status, spent_usd, limit_usd, until FROM budgets_current ORDER BY name"
    )
    assert current == [
        ("other", "deleted", Decimal(1), Decimal(5), datetime(2026, 12, 1, tzinfo=UTC)),
        ("search-monthly", "blocked", Decimal(3), Decimal(10), datetime(2026, 12, 1, tzinfo=UTC)),
    ]
    open_ones = warehouse.rows("SELECT name FROM budgets_current WHERE status != 'deleted'")
    assert open_ones == [("search-monthly",)]
    assert warehouse.rows("SELECT name FROM budgets_current WHERE status = 'open'") == []
    assert warehouse.rows("SELECT count() FROM budget_states FINAL") == [(3,)]


def test_a_dead_letter_is_one_row_with_its_bytes(warehouse: Client) -> None:
    letters = [
        DeadLetter("llm.calls", 1, 7, "no envelope", b"k", b"\xff\x00'", AT),
        DeadLetter("llm.calls", 1, 8, "a tombstone", None, None, AT),
    ]
    for _ in range(2):
        load(DeadLetters(warehouse), letters)
    assert warehouse.rows(
        "SELECT topic, kafka_partition, kafka_offset, reason, key, hex(value), seen_at FROM dead_letters FINAL"
        " ORDER BY kafka_offset"
    ) == [
        ("llm.calls", 1, 7, "no envelope", "k", "FF0027", AT),
        ("llm.calls", 1, 8, "a tombstone", None, None, AT),
    ]


def test_one_batch_of_several_months_is_stored_month_by_month(warehouse: Client) -> None:
    starts = [AT - timedelta(days=31 * n) for n in range(30)] * 2
    load(Calls(warehouse), [a_call_costed(started_at=start) for start in starts])
    assert warehouse.rows("SELECT count(), uniqExact(toYYYYMM(started_at)) FROM calls") == [(60, 30)]


def test_a_column_that_is_missing_is_refused_and_not_lost_in_silence(warehouse: Client) -> None:
    warehouse.execute("ALTER TABLE dead_letters DROP COLUMN reason")
    with pytest.raises(WarehouseRefused):
        load(DeadLetters(warehouse), [DeadLetter("t", 0, 0, "r", None, None, AT)])
