"""What a request asks for: a body's few members that matter, read without touching the rest."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway_shim.formats.answer import Asked, Format
from gateway_shim.formats.forms import form_texts
from gateway_shim.rejection import Fault, Rejected
from ingest.codec import NOT_JSON


class _Members(msgspec.Struct):
    """Untyped on purpose: a member of the wrong type is the provider's to complain about."""

    model: Any = None
    stream: Any = None
    stream_options: Any = None
    stream_format: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    inferenceConfig: Any = None  # noqa: N815
    n: Any = None
    service_tier: Any = None
    serviceTier: Any = None  # noqa: N815
    data_sources: Any = None
    generationConfig: Any = None  # noqa: N815
    generation_config: Any = None


# `auto` and `standard_only` (Anthropic) choose between tiers, they are none.
_NO_TIER = frozenset({"auto", "standard_only", "unspecified"})
_DECODER = msgspec.json.Decoder(_Members)


def read_request(body: bytes, format: Format | None) -> Asked:
    """The parts of `body` that routing, admission and usage need.

    `format` None: not known yet, JSON is needed to find it out. Raises Rejected (400) for a body that is no JSON object
    where the format needs one.
    """
    try:
        read = _DECODER.decode(body)
    except NOT_JSON as reason:
        if format is not None and not format.needs_json:
            return _of_form(body)
        what = "is empty" if not body else f"is no JSON object: {reason}"
        raise Rejected(Fault.BAD_BODY, f"the request body {what}") from None
    model = read.model if isinstance(read.model, str) else ""
    return Asked(
        model=model, is_stream=read.stream is True or read.stream_format == "sse", body=_as_mapping(read)
    )


def asked_tier(asked: Asked) -> str:
    """The service tier that a request names; empty where it leaves the choice to the provider."""
    tier = asked.body.get("service_tier") or asked.body.get("serviceTier")
    if isinstance(tier, dict):
        tier = tier.get("type")  # Bedrock
    if not isinstance(tier, str) or tier.lower() in _NO_TIER:
        return ""
    return tier.lower()


def _of_form(body: bytes) -> Asked:
    """Of a form (images, audio); of anything else, nothing."""
    texts = form_texts(body)
    choices = texts.get("n", "")
    return Asked(
        model=texts.get("model", ""),
        is_stream=texts.get("stream") == "true",
        body={"n": int(choices)} if choices.isdecimal() else {},
    )


def _as_mapping(read: _Members) -> dict[str, Any]:
    return {name: value for name in _Members.__struct_fields__ if (value := getattr(read, name)) is not None}
