from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given

from ingest.errors import InvalidInput, InvalidMoney
from ingest.events.calls import BudgetRef, CallFinished, Origin, Outcome
from ingest.events.costs import CallCost, CallCosted
from ingest.usage import TokenUsage
from tests.builders import AT, a_call_costed, corrected
from tests.strategies import finished_calls
from warehouse.rows import CALLS, call_row

EVERY_COLUMN: dict[str, Any] = {
    "call_id": "call-1",
    "started_at": 1_795_523_415_123_456,
    "finished_at": 1_795_523_415_935_456,
    "latency_ms": 812,
    "ttft_ms": 90,
    "org": "default",
    "team": "search",
    "project": "p",
    "key_id": "key-1",
    "user": "ada",
    "tags": {"env": "prod"},
    "provider": "openai",
    "model": "gpt-4o-2024-08-06",
    "operation": "chat",
    "is_stream": True,
    "outcome": "ok",
    "http_status": 200,
    "input_tokens": 1000,
    "cache_read_tokens": 500,
    "cache_write_tokens": 200,
    "audio_input_tokens": 10,
    "output_tokens": 300,
    "reasoning_tokens": 30,
    "audio_output_tokens": 3,
    "cost_usd": Decimal("0.015"),
    "input_cost_usd": Decimal("0.004"),
    "cache_cost_usd": Decimal("0.001"),
    "output_cost_usd": Decimal("0.01"),
    "list_cost_usd": Decimal("0.02"),
    "price_version": "genai-prices/7",
    "is_priced": True,
    "is_estimated": False,
    "request_model": "gpt-4o",
    "response_id": "chatcmpl-1",
    "service_tier": "flex",
    "error_type": "",
    "origin": "gateway",
    "path": "/openai/v1/chat/completions",
    "budgets": ["b", "c"],
    "cache_write_1h_tokens": 100,
    "web_searches": 2,
    "unpriced_because": "",
    "correction_reason": "",
    "version": 1,
    "kafka_partition": 3,
    "kafka_offset": 42,
    "attempt": 2,
    "request_bytes": 4096,
    "hold_usd": Decimal("0.5"),
    "provider_cost_usd": Decimal("0.016"),
    "budget_windows": ["0/x", "0/y"],
    "has_usage": True,
    "usage_extra": {"image_input_tokens": 40, "images": 3},
    "logged_at": 1_795_523_416_000,
    "time_flag": "",
}
LOGGED_MS = 1_795_523_416_000


def row_of(event: Any, logged_ms: int = LOGGED_MS) -> dict[str, Any]:
    return dict(zip(CALLS.names, call_row(event, 3, 42, logged_ms), strict=True))


def test_every_column_holds_what_the_event_says() -> None:
    event = a_call_costed(
        call_id="call-1",
        latency_ms=812,
        ttft_ms=90,
        project="p",
        tags={"env": "prod"},
        is_stream=True,
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-1",
        service_tier="flex",
        budgets=(BudgetRef("b", "0/x"), BudgetRef("c", "0/y")),
        attempt=2,
        request_bytes=4096,
        hold_usd=Decimal("0.5"),
        provider_cost_usd=Decimal("0.016"),
        usage=TokenUsage(1000, 500, 200, 100, 10, 300, 30, 3, 2, image_input_tokens=40, images=3),
        cost_usd="0.015",
        input_cost_usd="0.004",
        cache_cost_usd="0.001",
        output_cost_usd="0.01",
        list_cost_usd="0.02",
        price_version="genai-prices/7",
        unpriced_because="",
    )
    assert row_of(event) == EVERY_COLUMN


def test_a_correction_replaces_by_its_version_and_says_why() -> None:
    event = a_call_costed()
    row = row_of(corrected(event, version=3, reason="new price", cost_usd="2"))
    assert (row["version"], row["correction_reason"], row["cost_usd"]) == (3, "new price", Decimal(2))
    assert row["call_id"] == event.finished.call.call_id


def test_a_call_without_usage_counts_nothing_and_stays_marked() -> None:
    row = row_of(
        a_call_costed(usage=None, is_priced=False, outcome=Outcome.ABORTED, ttft_ms=None, cost_usd="0")
    )
    assert (row["input_tokens"], row["is_priced"], row["outcome"], row["ttft_ms"]) == (
        0,
        False,
        "aborted",
        None,
    )


def test_instants_are_exact_whatever_their_zone() -> None:
    later = datetime(2026, 11, 24, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-9, minutes=-30)))
    row = row_of(a_call_costed(started_at=later))
    assert row["started_at"] == (later - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("lag", "flag"),
    [
        (timedelta(days=35), ""),
        (timedelta(days=35, milliseconds=1), "late"),
        (timedelta(minutes=-5), ""),
        (timedelta(minutes=-5, milliseconds=-1), "ahead"),
    ],
)
def test_a_call_out_of_its_time_is_flagged(lag: timedelta, flag: str) -> None:
    started = AT.replace(microsecond=0)
    logged_ms = int((started + lag).timestamp() * 1000)
    event = a_call_costed(started_at=started)
    row = row_of(event, logged_ms)
    assert (row["time_flag"], row["logged_at"]) == (flag, logged_ms)
    # A correction comes when it comes: it says of the call what was said of it before.
    assert row_of(corrected(event), logged_ms)["time_flag"] == ""
    again = msgspec.structs.replace(corrected(event), time_flag="late")
    assert row_of(again)["time_flag"] == "late"


def test_without_a_time_of_its_own_a_record_is_taken_as_in_time() -> None:
    row = row_of(a_call_costed(), 0)
    assert (row["logged_at"], row["time_flag"]) == (row["started_at"] // 1000, "")


def test_what_others_say_of_the_cost_is_rounded_and_never_loses_a_call() -> None:
    row = row_of(a_call_costed(hold_usd=None, provider_cost_usd=Decimal("0.0000000000015")))
    assert (row["hold_usd"], row["provider_cost_usd"]) == (None, Decimal("0.000000000002"))


@given(finished_calls())
def test_every_finished_call_has_a_row_of_the_columns_types(finished: CallFinished) -> None:
    row = row_of(CallCosted(finished, CallCost()))
    for name, kind in CALLS.columns:
        value = row[name]
        if kind.startswith("Map"):
            count = int if "UInt" in kind else str
            assert all(type(k) is str and type(v) is count for k, v in value.items()), name
        elif kind.startswith("DateTime64") or "UInt" in kind:
            assert value is None or (type(value) is int and value >= 0), name
        elif "Decimal" in kind:
            assert type(value) is Decimal or (value is None and kind.startswith("Nullable")), name
        elif kind == "Bool":
            assert type(value) is bool, name
        elif kind.startswith("Array"):
            assert all(type(v) is str for v in value), name
        else:
            assert type(value) is str, name


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"call_id": ""}, "call_id is empty"),
        ({"started_at": datetime(2026, 1, 1)}, "without a time zone"),
        ({"started_at": datetime(1999, 12, 31, tzinfo=UTC)}, "2000 to 2099"),
        ({"finished_at": datetime(2100, 1, 1, tzinfo=UTC)}, "2000 to 2099"),
        ({"latency_ms": -1, "finished_at": AT}, "latency_ms is -1; it must lie between 0 and 4294967295"),
        ({"ttft_ms": 2**32}, "ttft_ms is 4294967296"),
        ({"http_status": 70_000}, "http_status is 70000"),
        ({"usage": TokenUsage(output_tokens=-5)}, "output_tokens is -5"),
        ({"usage": TokenUsage(web_searches=-1)}, "web_searches is -1"),
        ({"usage": TokenUsage(pages=-1)}, "pages is -1"),
        ({"attempt": -1}, "attempt is -1"),
        ({"request_bytes": 2**64}, "request_bytes is 18446744073709551616"),
    ],
)
def test_what_a_column_cannot_hold_is_refused_with_the_limit(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        row_of(a_call_costed(**changes))


@pytest.mark.parametrize(
    ("cost", "reason"),
    [
        ({"list_cost_usd": Decimal("0.0000000000001")}, "more than 12 places"),
        ({"list_cost_usd": Decimal("NaN")}, "no amount"),
        ({"list_cost_usd": Decimal("1e26")}, "no amount"),
        ({"input_cost_usd": Decimal("0.007")}, "cost_usd is 0.01.*, but its parts .* sum to 0.011"),
    ],
)
def test_money_is_stored_exactly_or_not_at_all(cost: dict[str, Decimal], reason: str) -> None:
    event = a_call_costed()
    wrong = msgspec.structs.replace(event, cost=msgspec.structs.replace(event.cost, **cost))
    with pytest.raises(InvalidMoney, match=reason):
        row_of(wrong)


@pytest.mark.parametrize("version", [-1, 0, 1, 2**64])
def test_a_correction_must_be_newer_than_what_it_corrects(version: int) -> None:
    with pytest.raises(InvalidInput, match="version is"):
        row_of(corrected(a_call_costed(), version=version))


def test_the_builder_refuses_a_field_that_does_not_exist() -> None:
    with pytest.raises(TypeError, match="no field colour"):
        a_call_costed(colour="red")
    assert a_call_costed(origin=Origin.IMPORT).finished.call.origin is Origin.IMPORT
