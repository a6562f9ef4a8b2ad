from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingest.attribution import BudgetScope
from ingest.errors import InvalidInput
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved, LetterAction
from ingest.events.states import BudgetStatus
from tests.builders import AT, a_budget, a_budget_state
from warehouse.rows import micros
from warehouse.state_rows import BUDGET_STATES, DEAD_LETTERS, action_row, letter_row, state_row


def test_every_column_of_a_budgets_state() -> None:
    event = a_budget_state(
        budget=a_budget(scope=BudgetScope(team="search", model="gpt-4o"), timezone="Europe/Berlin", epoch=2),
        status=BudgetStatus.BLOCKED,
        spent_usd=Decimal("10.1"),
        overshoot_usd=Decimal("0.1"),
        warned_at=(Decimal("0.5"), Decimal("0.8")),
        call_id="call-1",
        call_finished_at=AT,
    )
    assert dict(zip(BUDGET_STATES.names, state_row(event, 0, 7), strict=True)) == {
        "name": "search-monthly",
        "changed_at": micros("", AT),
        "window": "0/2026-11-01T00:00:00Z",
        "status": "blocked",
        "spent_usd": Decimal("10.1"),
        "reserved_usd": Decimal(0),
        "limit_usd": Decimal(10),
        "overshoot_usd": Decimal("0.1"),
        "until": micros("", datetime(2026, 12, 1, tzinfo=UTC)),
        "warned_at": [Decimal("0.5"), Decimal("0.8")],
        "warn_at": [Decimal("0.5"), Decimal("0.8"), Decimal(1)],
        "scope": "team search, model gpt-4o",
        "scope_dimensions": {"team": "search", "model": "gpt-4o"},
        "period": "month",
        "timezone": "Europe/Berlin",
        "mode": "soft",
        "epoch": 2,
        "created_at": micros("", AT),
        "call_id": "call-1",
        "call_finished_at": micros("", AT),
        "kafka_partition": 0,
        "kafka_offset": 7,
    }


def test_a_budget_without_an_end_and_without_a_call() -> None:
    row = dict(zip(BUDGET_STATES.names, state_row(a_budget_state(until=None), 0, 0), strict=True))
    assert (row["until"], row["call_finished_at"], row["call_id"]) == (None, None, "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spent_usd": Decimal("1e-13")}, "spent_usd is 1E-13; more than 12 places"),
        ({"warned_at": (Decimal("1e50"),)}, "no amount"),
        ({"warned_at": (Decimal("NaN"),)}, "no amount"),
        ({"warned_at": (Decimal(2000),)}, "warned_at holds 2000; a share of a limit lies between 0 and 1000"),
        ({"changed_at": datetime(2026, 1, 1)}, "without a time zone"),
        ({"budget": a_budget(epoch=-1)}, "epoch is -1"),
    ],
)
def test_what_cannot_be_stored_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        state_row(a_budget_state(**changes), 0, 0)


def test_a_dead_letter_keeps_its_bytes() -> None:
    letter = DeadLetter("llm.calls", 1, 7, "no CloudEvents envelope", None, b"\xff\x00", AT)
    assert dict(zip(DEAD_LETTERS.names, letter_row(letter), strict=True)) == {
        "topic": "llm.calls",
        "kafka_partition": 1,
        "kafka_offset": 7,
        "reason": b"no CloudEvents envelope",
        "key": None,
        "value": b"\xff\x00",
        "seen_at": micros("", AT),
    }


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            DeadLetterFixed("llm.calls", 1, 7, b"\xff{}", AT, "ada", "a comma"),
            ("fixed", "ada", b"a comma", b"\xff{}", None),
        ),
        (
            DeadLetterResolved("llm.calls", 1, 7, LetterAction.REPLAYED, AT, "ada", "", 99),
            ("replayed", "ada", b"", None, 99),
        ),
        (
            DeadLetterResolved("llm.calls", 1, 7, LetterAction.DISMISSED, AT, "bob", "a test"),
            ("dismissed", "bob", b"a test", None, None),
        ),
    ],
)
def test_what_people_did_with_a_letter(
    event: DeadLetterFixed | DeadLetterResolved, told: tuple[Any, ...]
) -> None:
    assert action_row(event) == ("llm.calls", 1, 7, micros("at", AT), *told)
