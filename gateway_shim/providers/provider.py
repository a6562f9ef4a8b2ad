"""What the gateway knows of a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway_shim.formats.answer import Format
from gateway_shim.rejection import Fault


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's ways. Paths are as at the provider, with the version: `/v1/chat/completions`."""

    name: str
    versions: tuple[str, ...]
    """First segments of its paths; others are not passed through."""
    format_of: Callable[[str], Format]
    """The API behind a path."""
    credential_header: Callable[[str, str], tuple[str, str]]
    """(path, credential) -> the header that shows it."""
    error_body: Callable[[Fault, str], bytes]
    """(fault, message) -> an error as this provider words it."""
    openai_base: str
    """Where its OpenAI-compatible API begins."""
    model_prefixes: tuple[str, ...]
    """Beginnings of names of models that are this provider's."""
    aliases: tuple[str, ...] = ()
    """Other names by which `provider/model` may call it."""
    model_in_path: Callable[[str], str] = lambda _: ""
    """The model that a path names; empty where the body does."""
    path_at: Callable[[str], str] = lambda path: path
    """A path below the provider's folder of ours -> the path at the provider."""
    takes_usage_option: Callable[[str, bytes], bool] = lambda _path, _query: True
    """(path, query) -> whether a stream may be asked for its usage, where the API knows how (`stream_options`)."""


def bearer(_path: str, credential: str) -> tuple[str, str]:
    """The usual header."""
    return "authorization", f"Bearer {credential}"


def json_bytes(value: object) -> bytes:
    """`value` as compact JSON."""
    return msgspec.json.encode(value)


def below_version(path: str) -> str:
    """`chat/completions` of `/v1/chat/completions`: the operation's name where we have none."""
    return path.lstrip("/").partition("/")[2] or path
