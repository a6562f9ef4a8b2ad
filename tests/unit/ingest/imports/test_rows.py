"""One row to one past call."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.attribution import Attribution
from ingest.errors import InvalidInput
from ingest.events.calls import Origin, Outcome
from ingest.imports.columns import resolve_columns
from ingest.imports.rows import Given, PastCall, finished, read_row
from ingest.usage import TokenUsage

ROW: dict[str, Any] = {
    "timestamp": "2026-03-01T10:00:00Z",
    "model": "gpt-4o",
    "input_tokens": "100",
    "output_tokens": "5",
}


def read(row: dict[str, Any], given: Given | None = None, **chosen: str) -> PastCall:
    return read_row(row, resolve_columns(row, chosen), given or Given())


def test_the_least_that_a_row_says() -> None:
    past = read({"timestamp": "2026-03-01 10:00", "prompt_tokens": "7"}, Given({"model": "gpt-4o"}))
    assert past.started_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert (past.provider, past.model, past.operation, past.outcome) == (
        "openai",
        "gpt-4o",
        "chat",
        Outcome.OK,
    )
    assert past.usage == TokenUsage(input_tokens=7)
    assert past.who == Attribution()


def test_the_most_that_a_row_says() -> None:
    row = ROW | {
        "id": "chatcmpl-1",
        "response_model": "gpt-4o-2024-08-06",
        "response_id": "chatcmpl-1",
        "team": "search",
        "project": "shop",
        "user": "ada",
        "key_id": "k1",
        "org": "acme",
        "tags": '{"env": "prod"}',
        "stream": "true",
        "status": "200",
        "service_tier": "flex",
        "latency_ms": "1200.4",
        "ttft_ms": "80",
        "operation": "responses",
        "cached_tokens": "40",
        "cache_write_tokens": "30",
        "cache_write_1h_tokens": "10",
        "audio_input_tokens": "3",
        "reasoning_tokens": "2",
        "audio_output_tokens": "1",
    }
    event = finished(read(row), "an-id")
    call = event.call
    assert call.call_id == "an-id"
    assert call.who == Attribution("acme", "search", "shop", "k1", "ada", {"env": "prod"})
    assert (call.operation, call.is_stream, call.origin, call.budgets) == (
        "responses",
        True,
        Origin.IMPORT,
        (),
    )
    assert event.model == "gpt-4o-2024-08-06"
    assert (event.outcome, event.http_status, event.service_tier) == (Outcome.OK, 200, "flex")
    assert (event.latency_ms, event.ttft_ms) == (1200, 80)
    assert event.finished_at - call.started_at == timedelta(milliseconds=1200)
    assert event.usage == TokenUsage(100, 40, 30, 10, 3, 5, 2, 1)
    assert not event.is_estimated


def test_the_command_line_wins_over_a_column() -> None:
    past = read(ROW | {"team": "search"}, Given({"team": "ads", "model": "gpt-4.1"}))
    assert (past.who.team, past.model) == ("ads", "gpt-4.1")
    assert read(ROW | {"team": "search"}, Given({"team": ""})).who.team == "search"


def test_the_zone_of_the_command_line_is_for_times_without_an_offset() -> None:
    given = Given(zone=ZoneInfo("Asia/Tokyo"))
    assert read(ROW | {"timestamp": "2026-03-01 10:00"}, given).started_at == datetime(
        2026, 3, 1, 1, tzinfo=UTC
    )


def test_anthropics_input_has_the_cache_beside_it() -> None:
    row = {
        "timestamp": "2026-03-01T10:00:00Z",
        "model": "claude-sonnet-4-5",
        "usage_input_tokens_no_cache": "10",
        "usage_input_tokens_cache_write_5m": "20",
        "usage_input_tokens_cache_write_1h": "30",
        "usage_input_tokens_cache_read": "40",
        "usage_output_tokens": "5",
    }
    assert read(row).usage == TokenUsage(100, 40, 50, 30, 0, 5)


@pytest.mark.parametrize(
    ("model", "provider", "meant"),
    [
        ("gpt-4o", "", ("openai", "gpt-4o")),
        ("o3-mini", "", ("openai", "o3-mini")),
        ("text-embedding-3-small", "", ("openai", "text-embedding-3-small")),
        ("claude-sonnet-4-5", "", ("anthropic", "claude-sonnet-4-5")),
        ("codestral-latest", "", ("mistral", "codestral-latest")),
        ("open-mixtral-8x7b", "", ("mistral", "open-mixtral-8x7b")),
        ("gemini-2.5-pro", "", ("gemini", "gemini-2.5-pro")),
        ("anthropic/claude-sonnet-4-5", "", ("anthropic", "claude-sonnet-4-5")),
        ("llama-3", "Groq", ("groq", "llama-3")),
        ("a/b", "together", ("together", "a/b")),
    ],
)
def test_provider(model: str, provider: str, meant: tuple[str, str]) -> None:
    past = read(ROW | {"model": model, "provider": provider})
    assert (past.provider, past.model) == meant


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        ("", Outcome.OK, 200),
        ("success", Outcome.OK, 200),
        (200, Outcome.OK, 200),
        ("429", Outcome.ERROR, 429),
        ("failure", Outcome.ERROR, 0),
        ("Cancelled", Outcome.ABORTED, 0),
    ],
)
def test_outcome(status: object, outcome: Outcome, code: int) -> None:
    past = read(ROW | {"status": status})
    assert (past.outcome, past.http_status) == (outcome, code)


def test_latency_is_the_difference_where_only_the_end_is_told() -> None:
    assert read(ROW | {"end_time": "2026-03-01T10:00:01.5Z"}).latency_ms == 1500
    assert read(ROW | {"end_time": ""}).latency_ms == 0
    assert read(ROW | {"end_time": "2026-03-01T10:00:01.5Z", "latency_ms": 7}).latency_ms == 7


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"input_tokens": ""}, r"input_tokens \(column 'input_tokens'\): the cell is empty"),
        ({"output_tokens": None}, r"output_tokens \(column 'output_tokens'\): the cell is empty"),
        ({"input_tokens": "-3"}, r"input_tokens \(column 'input_tokens'\): '-3' is no whole number"),
        ({"timestamp": "now"}, r"started_at \(column 'timestamp'\): 'now' is no time"),
        ({"model": ""}, r"model: there is none; a column or --model says it"),
        ({"model": "llama-3"}, r"provider: 'llama-3' tells none; a column or --provider says it"),
        ({"cached_tokens": "101"}, r"cache_read_tokens \(101\) cannot exceed input_tokens \(100\)"),
        ({"status": "odd"}, r"outcome \(column 'status'\): 'odd' is no HTTP status and none of ok, success"),
        ({"end_time": "2026-03-01T09:00:00Z"}, r"finished_at: .* is before started_at"),
        ({"team": "x" * 501}, r"team \(column 'team'\): 501 characters; a name has at most 500"),
        ({"key_name": "sk-proj-0123456789"}, r"key: this looks like a key"),
        ({"tags": "env"}, r"tags \(column 'tags'\): 'env' is no JSON object"),
    ],
)
def test_a_bad_row_says_the_field_and_shows_the_cell(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read(ROW | change)


def test_a_secret_is_not_repeated_in_the_sentence() -> None:
    with pytest.raises(InvalidInput) as caught:
        read(ROW | {"key_name": "sk-proj-0123456789"})
    assert "0123456789" not in str(caught.value)
