"""Mistral, whose own chat format is the OpenAI-compatible one, without `stream_options`."""

from __future__ import annotations

from gateway_shim.formats.answer import Format
from gateway_shim.formats.mistral_more import MISTRAL_CONVERSATION, MISTRAL_OCR
from gateway_shim.formats.openai_audio import OPENAI_TRANSCRIPTION
from gateway_shim.formats.openai_chat import MISTRAL_CHAT, MISTRAL_FILL_IN
from gateway_shim.formats.others import EMBEDDINGS, MISTRAL_MODERATION, other, unbilled
from gateway_shim.providers.provider import Provider, bearer, below_version, json_bytes
from gateway_shim.rejection import Fault

_FORMATS = {
    "/v1/chat/completions": MISTRAL_CHAT,
    "/v1/agents/completions": MISTRAL_CHAT,
    "/v1/fim/completions": MISTRAL_FILL_IN,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/ocr": MISTRAL_OCR,
    "/v1/audio/transcriptions": OPENAI_TRANSCRIPTION,
    "/v1/moderations": MISTRAL_MODERATION,
    "/v1/chat/moderations": MISTRAL_MODERATION,
    "/v1/classifications": MISTRAL_MODERATION,
    "/v1/chat/classifications": MISTRAL_MODERATION,
}
_CONVERSATIONS = "/v1/conversations"
_UNBILLED = ("/v1/agents", "/v1/batch", "/v1/files", "/v1/fine_tuning", "/v1/libraries", "/v1/models")
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
    found = _FORMATS.get(path)
    if found is not None:
        return found
    if path == _CONVERSATIONS or path.startswith(f"{_CONVERSATIONS}/"):
        return MISTRAL_CONVERSATION
    operation = below_version(path)
    return unbilled(operation) if path.startswith(_UNBILLED) else other(operation)


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
