"""Which header is which field."""

import pytest

from ingest.errors import InvalidInput
from ingest.imports.columns import parse_choices, resolve_columns, simplify


@pytest.mark.parametrize(
    ("header", "simple"),
    [
        ("TIMESTAMP", "timestamp"),
        ("ContextTokens", "context_tokens"),
        (" Prompt Tokens ", "prompt_tokens"),
        ("usage.prompt_tokens", "prompt_tokens"),
        ("gen_ai.usage.input_tokens", "input_tokens"),
        ("attributes.gen_ai.request.model", "request_model"),
        ("usage_metadata.promptTokenCount", "prompt_token_count"),
        ("usage", "usage"),
        ("usage_input_tokens_no_cache", "input_tokens_no_cache"),
    ],
)
def test_headers_are_compared_without_dress(header: str, simple: str) -> None:
    assert simplify(header) == simple


def test_the_azure_trace_is_known_by_name() -> None:
    found = resolve_columns(["TIMESTAMP", "ContextTokens", "GeneratedTokens"], {})
    assert found == {
        "started_at": "TIMESTAMP",
        "input_tokens": "ContextTokens",
        "output_tokens": "GeneratedTokens",
    }


def test_an_openai_answer_in_a_log_line_is_known_by_name() -> None:
    headers = [
        "id",
        "created",
        "model",
        "usage",
        "usage.prompt_tokens",
        "usage.completion_tokens",
        "usage.prompt_tokens_details",
        "usage.prompt_tokens_details.cached_tokens",
        "usage.completion_tokens_details.reasoning_tokens",
    ]
    assert resolve_columns(headers, {}) == {
        "call_id": "id",
        "started_at": "created",
        "model": "model",
        "input_tokens": "usage.prompt_tokens",
        "output_tokens": "usage.completion_tokens",
        "cache_read_tokens": "usage.prompt_tokens_details.cached_tokens",
        "reasoning_tokens": "usage.completion_tokens_details.reasoning_tokens",
    }


def test_a_chosen_header_wins_over_its_name_and_is_found_in_any_case() -> None:
    found = resolve_columns(["time", "when", "prompt_tokens"], {"started_at": "When"})
    assert found["started_at"] == "when"
    swapped = resolve_columns(["time", "a", "output_tokens"], {"input_tokens": "output_tokens"})
    assert swapped["input_tokens"] == "output_tokens"
    assert "output_tokens" not in swapped


def test_a_fields_own_name_wins_over_aliases() -> None:
    assert resolve_columns(["started_at", "created_at", "input_tokens"], {})["started_at"] == "started_at"


@pytest.mark.parametrize(
    ("headers", "chosen", "sentence"),
    [
        (["time", "prompt_tokens", "context_tokens"], {}, r"all look like input_tokens; say which: --column"),
        (
            ["prompt_tokens"],
            {},
            r"no column looks like a time: say --column started_at=… with one of 'prompt_tokens'",
        ),
        (["time", "cost"], {}, r"no column looks like input tokens"),
        (
            ["time", "prompt_tokens"],
            {"model": "Modell"},
            r"no column 'Modell' \(for model\); there are 'time'",
        ),
    ],
)
def test_what_cannot_be_resolved_is_said(headers: list[str], chosen: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        resolve_columns(headers, chosen)


ANTHROPIC = [
    "timestamp",
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
]


def test_input_beside_or_with_the_cache_is_never_guessed() -> None:
    with pytest.raises(InvalidInput, match="may or may not include 'cache_read_input_tokens'"):
        resolve_columns(ANTHROPIC, {})
    beside = resolve_columns(ANTHROPIC, {"uncached_input_tokens": "input_tokens"})
    assert (beside["uncached_input_tokens"], "input_tokens" in beside) == ("input_tokens", False)
    within = resolve_columns(ANTHROPIC, {"input_tokens": "input_tokens"})
    assert "uncached_input_tokens" not in within
    assert within["cache_write_tokens"] == "cache_creation_input_tokens"


def test_choices_of_the_command_line() -> None:
    assert parse_choices(["input_tokens=a=b", "team=Team Name"]) == {
        "input_tokens": "a=b",
        "team": "Team Name",
    }


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        (["team"], "no field=header"),
        (["team="], "no field=header"),
        (["tokens=x"], "'tokens' is none of call_id, started_at"),
        (["team=x", "team=y"], "names team twice: 'x' and 'y'"),
    ],
)
def test_choices_that_mean_nothing(choices: list[str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse_choices(choices)
