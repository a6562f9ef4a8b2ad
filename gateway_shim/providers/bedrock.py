"""Amazon Bedrock's runtime with API keys (bearer): Converse, InvokeModel, and its OpenAI-compatible chat endpoint.

The model stands in the path, percent-encoded: an id, an inference profile (`us.anthropic.…`) or an ARN of either.
A request may also be signed (SigV4) with the caller's key as access key id and any secret; it goes on with our key.
"""

from __future__ import annotations

from urllib.parse import unquote

from gateway_shim.formats.answer import Format
from gateway_shim.formats.bedrock import (
    BEDROCK_CONVERSE,
    BEDROCK_CONVERSE_STREAM,
    BEDROCK_INVOKE,
    BEDROCK_INVOKE_STREAM,
)
from gateway_shim.formats.others import TOKEN_COUNT, other
from gateway_shim.providers.openai import format_below
from gateway_shim.providers.provider import Provider, bearer, below_version, json_bytes
from gateway_shim.rejection import Fault

_OPENAI_BASE = "/openai/v1"
_MODELS = "/model/"
_VERBS = {
    "converse": BEDROCK_CONVERSE,
    "converse-stream": BEDROCK_CONVERSE_STREAM,
    "invoke": BEDROCK_INVOKE,
    "invoke-with-response-stream": BEDROCK_INVOKE_STREAM,
    "count-tokens": TOKEN_COUNT,
}
# API reference, "Common errors" and those of Converse; what has no word of its own is a ValidationException.
_TYPES = {
    Fault.BAD_KEY: "AccessDeniedException",
    Fault.NO_ROUTE: "ResourceNotFoundException",
    Fault.BUDGET: "ServiceQuotaExceededException",
    Fault.CONNECT: "ServiceUnavailableException",
    Fault.UPSTREAM_BROKE: "InternalServerException",
    Fault.NOT_READY: "ServiceUnavailableException",
    Fault.TIMEOUT: "ModelTimeoutException",
}


def error_body(fault: Fault, message: str) -> bytes:
    """`message`, and the type where AWS' SDKs look for it besides the header `x-amzn-errortype`."""
    return json_bytes({"__type": _TYPES.get(fault, "ValidationException"), "message": message})


def _format_of(path: str) -> Format:
    if path.startswith(_OPENAI_BASE):
        return format_below(path[len(_OPENAI_BASE) :])
    return _VERBS.get(path.rpartition("/")[2]) or other(below_version(path))


def _model_in_path(path: str) -> str:
    whole = unquote(path)
    return whole[len(_MODELS) :].rpartition("/")[0] if whole.startswith(_MODELS) else ""


BEDROCK = Provider(
    name="bedrock",
    versions=("model", "openai"),
    format_of=_format_of,
    credential_header=bearer,
    error_body=error_body,
    openai_base=_OPENAI_BASE,
    model_prefixes=(),
    aliases=("aws",),
    model_in_path=_model_in_path,
)
