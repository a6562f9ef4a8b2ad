"""Gemini: the model and the verb stand in the path (`/v1beta/models/gemini-2.5-flash:streamGenerateContent`)."""

from __future__ import annotations

from urllib.parse import unquote

from gateway_shim.formats.answer import Format
from gateway_shim.formats.gemini_content import GEMINI_GENERATE, GEMINI_IMAGES, GEMINI_STREAM
from gateway_shim.formats.openai_chat import GEMINI_AS_OPENAI
from gateway_shim.formats.others import EMBEDDINGS, GEMINI_EMBEDDINGS, TOKEN_COUNT, other, unbilled
from gateway_shim.providers.provider import Provider, bearer, below_version, json_bytes
from gateway_shim.rejection import Fault

_OPENAI_BASE = "/v1beta/openai"
_VERBS = {
    "generateContent": GEMINI_GENERATE,
    "streamGenerateContent": GEMINI_STREAM,
    "countTokens": TOKEN_COUNT,
    "embedContent": GEMINI_EMBEDDINGS,
    "batchEmbedContents": GEMINI_EMBEDDINGS,
    "predict": GEMINI_IMAGES,
    "batchGenerateContent": unbilled("batch"),
    "asyncBatchEmbedContent": unbilled("batch"),
}
_UNBILLED = ("cachedContents", "files", "batches")
_COMPATIBLE = {
    f"{_OPENAI_BASE}/chat/completions": GEMINI_AS_OPENAI,
    f"{_OPENAI_BASE}/embeddings": EMBEDDINGS,
}
# https://cloud.google.com/apis/design/errors, "Handling errors"
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(fault: Fault, message: str) -> bytes:
    status = _STATUS.get(fault.status, "INVALID_ARGUMENT")
    return json_bytes({"error": {"code": fault.status, "message": message, "status": status}})


def _format_of(path: str) -> Format:
    _, _, verb = unquote(path).rpartition(":")
    found = _VERBS.get(verb) or _COMPATIBLE.get(path)
    if found is not None:
        return found
    operation = below_version(path)
    if operation.startswith(_UNBILLED) or path.startswith("/upload/"):
        return unbilled(operation)
    return other(operation)


def _model_in_path(path: str) -> str:
    name, colon, _ = unquote(path).rpartition(":")
    return name.rpartition("/")[2] if colon else ""


def _credential_header(path: str, credential: str) -> tuple[str, str]:
    return bearer(path, credential) if path.startswith(_OPENAI_BASE) else ("x-goog-api-key", credential)


GEMINI = Provider(
    name="gemini",
    versions=("v1beta", "v1", "v1alpha", "upload"),
    format_of=_format_of,
    credential_header=_credential_header,
    error_body=error_body,
    openai_base=_OPENAI_BASE,
    model_prefixes=("gemini-", "gemma-", "models/gemini-", "models/gemma-"),
    aliases=("google",),
    model_in_path=_model_in_path,
)
