"""Anthropic: the Messages API with `x-api-key`, and an OpenAI-compatible chat endpoint with a bearer."""

from __future__ import annotations

from gateway_shim.formats.answer import Format
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.openai_chat import ANTHROPIC_AS_OPENAI
from gateway_shim.formats.others import TOKEN_COUNT, other, unbilled
from gateway_shim.providers.provider import Provider, bearer, below_version, json_bytes
from gateway_shim.rejection import Fault

_CHAT = "/v1/chat/completions"
_FORMATS = {
    "/v1/messages": ANTHROPIC_MESSAGES,
    "/v1/messages/count_tokens": TOKEN_COUNT,
    _CHAT: ANTHROPIC_AS_OPENAI,
}
_UNBILLED = ("/v1/files", "/v1/messages/batches", "/v1/models", "/v1/skills")
_TYPES = {
    Fault.BAD_KEY: "authentication_error",
    Fault.NO_ROUTE: "not_found_error",
    Fault.TOO_LARGE: "request_too_large",
    Fault.BUDGET: "rate_limit_error",
    Fault.CONNECT: "api_error",
    Fault.UPSTREAM_BROKE: "api_error",
    Fault.NOT_READY: "overloaded_error",
    Fault.TIMEOUT: "timeout_error",
}


def error_body(fault: Fault, message: str) -> bytes:
    error = {"type": _TYPES.get(fault, "invalid_request_error"), "message": message}
    return json_bytes({"type": "error", "error": error, "request_id": None})


def _format_of(path: str) -> Format:
    found = _FORMATS.get(path)
    if found is not None:
        return found
    operation = below_version(path)
    return unbilled(operation) if path.startswith(_UNBILLED) else other(operation)


def _credential_header(path: str, credential: str) -> tuple[str, str]:
    return bearer(path, credential) if path == _CHAT else ("x-api-key", credential)


ANTHROPIC = Provider(
    name="anthropic",
    versions=("v1",),
    format_of=_format_of,
    credential_header=_credential_header,
    error_body=error_body,
    openai_base="/v1",
    model_prefixes=("claude-",),
)
