"""Server-sent events and JSON as each provider spaces them. Clients that search bytes instead of parsing find out here."""

from __future__ import annotations

import json

import msgspec


def compact_json(value: object) -> bytes:
    """`{"a":1}`: Anthropic, Mistral, and OpenAI's streams."""
    return msgspec.json.encode(value)


def indented_json(value: object) -> bytes:
    """Two spaces of indentation and a line feed at the end: OpenAI's and Gemini's whole answers."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def spaced_json(value: object) -> bytes:
    """`{"a": 1,"b": 2}`: Gemini's streams."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ": ")).encode()


def data_event(data: bytes) -> bytes:
    """An event without a name, ended by line feeds."""
    return b"data: " + data + b"\n\n"


def named_event(name: str, value: object) -> bytes:
    """An event with a name, as Anthropic and OpenAI's Responses send them."""
    return b"event: " + name.encode() + b"\ndata: " + compact_json(value) + b"\n\n"


DONE = data_event(b"[DONE]")
