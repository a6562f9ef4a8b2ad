"""What a call used when the provider did not say: by the length of the text, four bytes a token.

Always marked as an estimate. Only texts that people or models wrote count; images and files within a request do not.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.codec import NOT_JSON

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
    except NOT_JSON:
        return 0


def answer_text_bytes(body: Any) -> int:
    """Bytes of generated text in a whole answer, decoded from JSON."""
    total = 0
    left = [body]  # no recursion: how deep an answer nests is not ours to say
    while left:
        value = left.pop()
        if isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            texts = (value[name] for name in _ANSWER_TEXT & value.keys())
            total += sum(len(text.encode()) for text in texts if isinstance(text, str))
            left.extend(value.values())
    return total


def _text_bytes(value: Any) -> int:
    total = 0
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            total += len(value.encode())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend(member for name, member in value.items() if name not in _NOT_TEXT)
    return total
