"""Reading a request's JSON: typed access to fields, each fault a sentence that names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway_shim.simulation.refusals import bad_request
from gateway_shim.simulation.tokens import MESSAGE_TOKENS, NON_TEXT_TOKENS, Segment, text_tokens

_NON_TEXT = frozenset(
    [
        "image",
        "image_url",
        "input_image",
        "input_audio",
        "input_file",
        "file",
        "document",
        "document_url",
        "inlineData",
        "inline_data",
        "fileData",
        "file_data",
    ]
)
"""Types (OpenAI, Anthropic, Mistral) and field names (Gemini) of parts that are no text."""


class Body:
    """The fields of a JSON object. Every accessor raises a Refusal (400) when the field has another type."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = fields

    def text(self, name: str) -> str:
        """A text that has to be there and not be empty."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise bad_request(f"{name}: a non-empty string is required", name)
        return value

    def word(self, name: str, default: str = "") -> str:
        """A text, or `default` when the field is absent or null."""
        value = self.fields.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise bad_request(f"{name}: expected a string", name)
        return value

    def count(self, *names: str, at_least: int = 1) -> int | None:
        """The first of `names` that is set, a whole number of `at_least` or more; None when none is."""
        for name in names:
            value = self.fields.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
                raise bad_request(
                    f"{name}: expected a whole number of {at_least} or more, got {value!r}", name
                )
            return value
        return None

    def flag(self, name: str) -> bool:
        """A boolean; absent and null are False."""
        value = self.fields.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise bad_request(f"{name}: expected true or false", name)
        return value

    def inner(self, name: str) -> Body:
        """An object; absent and null are the empty one."""
        value = self.fields.get(name)
        if value is None:
            return Body({})
        if not isinstance(value, dict):
            raise bad_request(f"{name}: expected an object", name)
        return Body(value)

    def objects(self, name: str) -> list[Body]:
        """A list of objects; absent and null are the empty one."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise bad_request(f"{name}: expected a list of objects", name)
        return [Body(item) for item in value]


def parse_body(raw: bytes) -> Body:
    """The request's JSON object; raises a Refusal (400) when it is none."""
    try:
        fields = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise bad_request(f"We could not parse the JSON body of your request: {error}") from error
    if not isinstance(fields, dict):
        raise bad_request("The body of the request has to be a JSON object.")
    return Body(fields)


def compact(value: object) -> str:
    """`value` as compact JSON text."""
    return msgspec.json.encode(value).decode()


def segment(role: str, content: object, cache_for_s: int = 0) -> Segment:
    """A message of `role` as a segment of the prompt, counted by the rule of `tokens`."""
    texts: list[str] = []
    tokens = MESSAGE_TOKENS
    for part in _parts(content):
        text, counted = _part(part)
        texts.append(text)
        tokens += counted
    return Segment("\x1e".join((role, *texts)), tokens, cache_for_s)


def _parts(content: object) -> Sequence[object]:
    if content is None:
        return ()
    if isinstance(content, list):
        return content
    if isinstance(content, str | dict):
        return (content,)
    raise bad_request(f"content: expected a string or a list of parts, got {type(content).__name__}")


def _part(part: object) -> tuple[str, int]:
    """A part's text, by which a cache recognises it, and its tokens."""
    if isinstance(part, str):
        return part, text_tokens(part)
    if not isinstance(part, dict):
        raise bad_request(f"content: expected a string or an object as a part, got {type(part).__name__}")
    if part.get("type") in _NON_TEXT or not _NON_TEXT.isdisjoint(part):
        return compact(part), NON_TEXT_TOKENS
    text = part.get("text")
    if not isinstance(text, str):
        text = compact(part)  # a tool's call or result: what the model reads is its JSON
    return text, text_tokens(text)
