"""Mistral, whose own chat format is the OpenAI-compatible one, without `stream_options`."""

from __future__ import annotations

from gateway_shim.formats.answer import Format
from gateway_shim.formats.openai_chat import MISTRAL_CHAT, MISTRAL_FILL_IN
from gateway_shim.formats.others import EMBEDDINGS, other
from gateway_shim.providers.provider import Provider, bearer, below_version, json_bytes
from gateway_shim.rejection import Fault

_FORMATS = {
    "/v1/chat/completions": MISTRAL_CHAT,
    "/v1/agents/completions": MISTRAL_CHAT,
    "/v1/fim/completions": MISTRAL_FILL_IN,
    "/v1/embeddings": EMBEDDINGS,
}
_TYPES = {
    Fault.BUDGET: "insufficient_quota",
    Fault.BAD_KEY: "unauthorized",
    Fault.NO_ROUTE: "not_found",
    Fault.CONNECT: "internal_server_error",
    Fault.UPSTREAM_BROKE: "internal_server_error",
    Fault.NOT_READY: "service_unavailable",
    Fault.TIMEOUT: "internal_server_error",
}


def error_body(fault: Fault, message: str) -> bytes:
    kind = _TYPES.get(fault, "invalid_request_error")
    return json_bytes(
        {"object": "error", "message": message, "type": kind, "param": None, "code": fault.word}
    )


def _format_of(path: str) -> Format:
    return _FORMATS.get(path) or other(below_version(path))


MISTRAL = Provider(
    name="mistral",
    versions=("v1",),
    format_of=_format_of,
    credential_header=bearer,
    error_body=error_body,
    openai_base="/v1",
    model_prefixes=(
        "mistral-",
        "ministral-",
        "magistral-",
        "codestral-",
        "devstral-",
        "pixtral-",
        "voxtral-",
        "open-mistral",
        "open-mixtral",
        "open-codestral",
    ),
)
