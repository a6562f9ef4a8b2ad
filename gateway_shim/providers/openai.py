"""OpenAI, and how it words errors, which is also how the `/v1` route does."""

from __future__ import annotations

from gateway_shim.formats.answer import Format
from gateway_shim.formats.openai_chat import OPENAI_CHAT, OPENAI_TEXT_COMPLETION
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import EMBEDDINGS, other
from gateway_shim.providers.provider import Provider, bearer, below_version, json_bytes
from gateway_shim.rejection import Fault

_FORMATS = {
    "/v1/chat/completions": OPENAI_CHAT,
    "/v1/completions": OPENAI_TEXT_COMPLETION,
    "/v1/responses": OPENAI_RESPONSES,
    "/v1/embeddings": EMBEDDINGS,
}
# Fault -> (type, code). `insufficient_quota` is what clients know not to try again.
_WORDS = {
    Fault.BAD_KEY: ("invalid_request_error", "invalid_api_key"),
    Fault.BUDGET: ("insufficient_quota", "insufficient_quota"),
    Fault.CONNECT: ("server_error", "upstream_unreachable"),
    Fault.UPSTREAM_BROKE: ("server_error", "upstream_broke_off"),
    Fault.TIMEOUT: ("server_error", "upstream_timeout"),
    Fault.NOT_READY: ("server_error", "not_ready"),
}


def error_body(fault: Fault, message: str) -> bytes:
    kind, code = _WORDS.get(fault, ("invalid_request_error", fault.word))
    return json_bytes({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _format_of(path: str) -> Format:
    return _FORMATS.get(path) or other(below_version(path))


OPENAI = Provider(
    name="openai",
    versions=("v1",),
    format_of=_format_of,
    credential_header=bearer,
    error_body=error_body,
    openai_base="/v1",
    model_prefixes=(
        "gpt-",
        "o1",
        "o3",
        "o4",
        "chatgpt-",
        "codex-",
        "text-embedding-",
        "text-moderation",
        "omni-moderation",
        "davinci-",
        "babbage-",
        "dall-e",
        "whisper",
        "tts-",
        "sora-",
        "ft:",
    ),
)
