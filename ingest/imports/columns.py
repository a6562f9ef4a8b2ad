"""Which header is which field of a call. Pure.

Headers are compared without regard to case, blanks, dots and camel case, and without the prefixes `gen_ai.`, `usage.`
and `attributes.`: `ContextTokens` is `context_tokens`, `usage.prompt_tokens` is `prompt_tokens`. The aliases are the
words of OpenAI's, Anthropic's and Google's answers and usage exports, OpenTelemetry's GenAI conventions, LiteLLM's and
Langfuse's exports, and the Azure LLM inference trace (`TIMESTAMP,ContextTokens,GeneratedTokens`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ingest.errors import InvalidInput

FIELDS: Mapping[str, tuple[str, ...]] = {
    "call_id": ("id", "request_id", "generation_id"),
    "started_at": ("timestamp", "time", "start_time", "created_at", "created", "request_time", "date", "datetime"),
    "finished_at": ("end_time", "completed_at", "response_time"),
    "latency_ms": ("duration_ms", "response_time_ms", "request_duration_ms"),
    "ttft_ms": ("time_to_first_token_ms",),
    "provider": ("provider_name", "custom_llm_provider", "vendor"),
    "model": ("request_model", "model_name", "model_id"),
    "response_model": (),
    "response_id": (),
    "operation": ("operation_name",),
    "is_stream": ("stream", "streamed", "streaming"),
    "outcome": ("status", "status_code", "http_status"),
    "service_tier": ("openai_request_service_tier", "openai_response_service_tier"),
    "org": ("organization", "organisation"),
    "team": ("team_name", "team_alias", "team_id"),
    "project": ("project_name", "project_id"),
    "user": ("user_name", "user_id", "end_user"),
    "key": ("key_id", "key_name", "key_alias", "api_key_id", "api_key_name"),
    "tags": (),
    "input_tokens": (
        "prompt_tokens", "context_tokens", "request_tokens", "tokens_in", "prompt_token_count", "token_count_prompt",
    ),
    "uncached_input_tokens": ("input_tokens_no_cache",),
    "cache_read_tokens": (
        "cached_tokens", "cached_input_tokens", "input_cached_tokens", "cache_read_input_tokens",
        "input_tokens_cache_read", "prompt_tokens_details_cached_tokens", "input_tokens_details_cached_tokens",
        "cached_content_token_count",
    ),
    "cache_write_tokens": ("cache_creation_input_tokens", "cache_creation_tokens", "input_tokens_cache_write"),
    "cache_write_5m_tokens": ("cache_creation_ephemeral_5m_input_tokens", "input_tokens_cache_write_5m"),
    "cache_write_1h_tokens": ("cache_creation_ephemeral_1h_input_tokens", "input_tokens_cache_write_1h"),
    "audio_input_tokens": ("input_audio_tokens", "prompt_tokens_details_audio_tokens"),
    "output_tokens": (
        "completion_tokens", "generated_tokens", "response_tokens", "tokens_out", "candidates_token_count",
        "token_count_completion",
    ),
    "reasoning_tokens": (
        "completion_tokens_details_reasoning_tokens", "output_tokens_details_reasoning_tokens",
        "output_reasoning_tokens",
    ),
    "audio_output_tokens": ("output_audio_tokens", "completion_tokens_details_audio_tokens"),
}  # fmt: skip
"""Field -> other names for it. A field's own name always stands for it."""

# In Anthropic's answers the cache stands beside `input_tokens`, in OpenTelemetry's and LiteLLM's records within it.
_ANTHROPIC_CACHE = frozenset({"cache_read_input_tokens", "cache_creation_input_tokens"})
_PREFIXES = ("attributes_", "gen_ai_", "llm_", "usage_", "usage_metadata_")

Columns = Mapping[str, str]
"""Field -> the header that holds it."""


def resolve_columns(headers: Iterable[str], chosen: Mapping[str, str]) -> Columns:
    """Where each field stands. `chosen` (field -> header) wins over what the names say.

    Raises InvalidInput when a chosen header is not there, when two headers look like one field, and when there is no
    time or no input tokens.
    """
    present = list(headers)
    found = {field: _chosen_header(field, header, present) for field, header in chosen.items()}
    taken = set(found.values())
    simple = {header: simplify(header) for header in present if header not in taken}
    for field, aliases in FIELDS.items():
        if field not in found and (header := _by_name(field, aliases, simple)) is not None:
            found[field] = header
    _refuse_unclear_cache(found, chosen)
    _require(found, "started_at", "a time", present)
    if "uncached_input_tokens" not in found:
        _require(found, "input_tokens", "input tokens", present)
    return found


def parse_choices(choices: Iterable[str]) -> dict[str, str]:
    """`field=header` of the command line, as a mapping; raises InvalidInput for anything else."""
    chosen: dict[str, str] = {}
    for choice in choices:
        field, equals, header = choice.partition("=")
        if not equals or not header:
            raise InvalidInput(f"--column {choice!r} is no field=header, such as input_tokens=PromptTokens")
        if field not in FIELDS:
            raise InvalidInput(f"--column {choice!r}: {field!r} is none of {', '.join(FIELDS)}")
        if field in chosen:
            raise InvalidInput(f"--column names {field} twice: {chosen[field]!r} and {header!r}")
        chosen[field] = header
    return chosen


def simplify(header: str) -> str:
    """A header as it is compared: `gen_ai.usage.inputTokens` -> `input_tokens`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    name = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    while prefix := next((p for p in reversed(_PREFIXES) if name.startswith(p) and name != p), None):
        name = name.removeprefix(prefix)
    return name


def _chosen_header(field: str, header: str, present: list[str]) -> str:
    if header in present:
        return header
    alike = [name for name in present if name.strip().casefold() == header.strip().casefold()]
    if len(alike) != 1:
        raise InvalidInput(f"there is no column {header!r} (for {field}); there are {_listed(present)}")
    return alike[0]


def _by_name(field: str, aliases: tuple[str, ...], simple: Mapping[str, str]) -> str | None:
    for names in ((field,), aliases):
        matching = [header for header, name in simple.items() if name in names]
        if len(matching) > 1:
            raise InvalidInput(
                f"columns {_listed(matching)} all look like {field}; say which: --column {field}={matching[0]}"
            )
        if matching:
            return matching[0]
    return None


def _refuse_unclear_cache(found: Columns, chosen: Mapping[str, str]) -> None:
    if chosen.keys() & {"input_tokens", "uncached_input_tokens"} or "input_tokens" not in found:
        return
    cached = [found[f] for f in ("cache_read_tokens", "cache_write_tokens") if f in found]
    unclear = [header for header in cached if simplify(header) in _ANTHROPIC_CACHE]
    header = found["input_tokens"]
    if unclear and simplify(header) == "input_tokens":
        raise InvalidInput(
            f"column {header!r} may or may not include {_listed(unclear)}: say --column input_tokens={header} if it"
            f" does, --column uncached_input_tokens={header} if the cache is counted beside it, as Anthropic does"
        )


def _require(found: Columns, field: str, what: str, present: list[str]) -> None:
    if field not in found:
        raise InvalidInput(
            f"no column looks like {what}: say --column {field}=… with one of {_listed(present)}"
        )


def _listed(headers: Iterable[str]) -> str:
    return ", ".join(repr(header) for header in headers) or "no columns"
