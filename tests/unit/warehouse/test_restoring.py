from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given

from ingest.events.calls import BudgetRef, CallFinished
from ingest.events.costs import CallCost, CallCosted
from ingest.usage import TokenUsage
from tests.builders import a_call_costed
from tests.strategies import finished_calls
from warehouse.restoring import COLUMNS, call_of, cost_of_row
from warehouse.rows import CALLS, OWN_COLUMN, call_row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_read(row: tuple[Any, ...]) -> dict[str, Any]:
    """The row as the warehouse gives it back: instants instead of counts of microseconds."""
    found = dict(zip(CALLS.names, row, strict=True))
    for name in ("started_at", "finished_at"):
        found[name] = EPOCH + timedelta(microseconds=found[name])
    return {name: found[name] for name in COLUMNS}


@given(finished_calls())
def test_a_call_comes_back_whole(finished: CallFinished) -> None:
    row = call_row(CallCosted(finished, CallCost()), 0, 7, 1_795_523_416_000)
    restored = call_of(as_read(row))
    assert restored == msgspec.structs.replace(finished, response_model="")
    assert call_row(CallCosted(restored, CallCost()), 0, 7, 1_795_523_416_000) == row


def test_every_class_of_usage_comes_back() -> None:
    """A class that is added to `TokenUsage` is stored without anybody thinking of it."""
    names = TokenUsage.__struct_fields__
    usage = TokenUsage(**{name: 1000 + number for number, name in enumerate(names)})
    row = as_read(call_row(a_call_costed(usage=usage), 0, 0))
    assert call_of(row).usage == usage
    assert set(names) == OWN_COLUMN | row["usage_extra"].keys()


def test_every_field_comes_back() -> None:
    event = a_call_costed(
        org="o",
        project="p",
        tags={"env": "prod"},
        is_stream=True,
        budgets=(BudgetRef("b", "0/x"), BudgetRef("b", "0/y")),
        hold_usd=Decimal("0.5"),
        attempt=3,
        request_bytes=77,
        response_model="gpt-4o-2024-08-06",
        service_tier="flex",
        error_type="timeout",
        provider_cost_usd=Decimal("0.0123"),
        is_estimated=True,
    )
    assert call_of(as_read(call_row(event, 0, 0))) == event.finished
    assert all(getattr(event.finished, name) for name in CallFinished.__struct_fields__)


def test_no_usage_is_not_a_usage_of_zero() -> None:
    for usage in (None, TokenUsage()):
        row = as_read(call_row(a_call_costed(usage=usage, cost_usd="0"), 0, 0))
        assert call_of(row).usage == usage


def test_the_cost_comes_back_without_its_components() -> None:
    event = a_call_costed(cost_usd="0.5", list_cost_usd="0.7", price_version="v", is_priced=True)
    assert cost_of_row(as_read(call_row(event, 0, 0))) == event.cost


def test_old_rows_name_no_balance() -> None:
    row = as_read(call_row(a_call_costed(budgets=(BudgetRef("b", "0/x"),)), 0, 0)) | {"budget_windows": []}
    assert call_of(row).call.budgets == ()


def test_what_an_older_or_newer_version_counted_is_no_error() -> None:
    row = as_read(call_row(a_call_costed(), 0, 0)) | {"usage_extra": {"smells": 3, "pages": 2}}
    usage = call_of(row).usage
    assert usage is not None
    assert usage.pages == 2
