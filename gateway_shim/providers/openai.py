"""OpenAI, and how it words errors, which is also how the `/v1` route does."""

from __future__ import annotations

from gateway_shim.formats.answer import Format
from gateway_shim.formats.openai_audio import OPENAI_SPEECH, OPENAI_TRANSCRIPTION, OPENAI_TRANSLATION
from gateway_shim.formats.openai_chat import OPENAI_CHAT, OPENAI_TEXT_COMPLETION
from gateway_shim.formats.openai_images import OPENAI_IMAGE_EDITS, OPENAI_IMAGES
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import EMBEDDINGS, TOKEN_COUNT, other, unbilled
from gateway_shim.providers.provider import Provider, bearer, json_bytes
from gateway_shim.rejection import Fault

_FORMATS = {
    "/chat/completions": OPENAI_CHAT,
    "/completions": OPENAI_TEXT_COMPLETION,
    "/responses": OPENAI_RESPONSES,
    "/responses/compact": OPENAI_RESPONSES,
    "/responses/input_tokens": TOKEN_COUNT,
    "/embeddings": EMBEDDINGS,
    "/images/generations": OPENAI_IMAGES,
    "/images/edits": OPENAI_IMAGE_EDITS,
    "/images/variations": OPENAI_IMAGE_EDITS,
    "/audio/transcriptions": OPENAI_TRANSCRIPTION,
    "/audio/translations": OPENAI_TRANSLATION,
    "/audio/speech": OPENAI_SPEECH,
}
# What these begin costs elsewhere or nothing: a batch's calls are billed when it runs, storage by the day. A change to a
# stored completion is answered with the completion, and the usage that was billed before.
_UNBILLED = (
    "/batches",
    "/chat/completions/",
    "/containers",
    "/conversations",
    "/files",
    "/fine_tuning",
    "/models",
    "/moderations",
    "/responses/",
    "/uploads",
    "/vector_stores",
)
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


def format_below(path: str) -> Format:
    """The API behind a path without its version, `/chat/completions`, of anybody who speaks OpenAI's formats."""
    found = _FORMATS.get(path)
    if found is None:
        operation = path.lstrip("/") or path
        found = unbilled(operation) if path.startswith(_UNBILLED) else other(operation)
    return found


def _format_of(path: str) -> Format:
    return format_below(path.removeprefix("/v1"))


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
