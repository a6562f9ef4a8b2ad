"""What a call used when the provider did not say: by the length of the text, four bytes a token.

Always marked as an estimate. Only texts that people or models wrote count; images and files within a request do not.
"""

from __future__ import annotations

from typing import Any

import msgspec

BYTES_PER_TOKEN = 4
_NOT_TEXT = frozenset(
    {"data", "url", "image_url", "file_data", "fileUri", "file_uri", "id", "type", "role", "model"}
)
_ANSWER_TEXT = frozenset({"content", "text", "thinking", "arguments", "refusal", "reasoning_content"})


def tokens_of(text_bytes: int) -> int:
    """Tokens of so much text, rounded up."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def request_text_bytes(body: bytes) -> int:
    """Bytes of text in a JSON request; 0 for anything else."""
    try:
        return _text_bytes(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def answer_text_bytes(body: Any) -> int:
    """Bytes of generated text in a whole answer, decoded from JSON."""
    if isinstance(body, list):
        return sum(map(answer_text_bytes, body))
    if not isinstance(body, dict):
        return 0
    return sum(
        len(member.encode())
        if isinstance(member, str) and name in _ANSWER_TEXT
        else answer_text_bytes(member)
        for name, member in body.items()
    )


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list):
        return sum(map(_text_bytes, value))
    if isinstance(value, dict):
        return sum(_text_bytes(member) for name, member in value.items() if name not in _NOT_TEXT)
    return 0
