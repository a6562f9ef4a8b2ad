"""Anthropic: Messages with prompt caching and thinking, token counting, and its OpenAI-compatible chat endpoint."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Choice, Reply
from gateway_shim.simulation.body import Body, parse_body, segment
from gateway_shim.simulation.chat_format import ChatDialect, Json, chat_prompt, tools_segment
from gateway_shim.simulation.dialect import Chunk, Dialect, Headers, Incoming, Manners
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.models import ANTHROPIC_VERSIONS
from gateway_shim.simulation.prefix_cache import FIVE_MINUTES_S, HOUR_S, CacheRule
from gateway_shim.simulation.refusals import Refusal, bad_request
from gateway_shim.simulation.sse import compact_json, named_event
from gateway_shim.simulation.tokens import MESSAGE_TOKENS, Prompt, Segment
from gateway_shim.simulation.usage import ServedUsage

OVERLOADED = 529
_CACHE_MINIMUM = 1024
_ERRORS = {
    400: ("invalid_request_error", "The request is malformed."),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    405: ("invalid_request_error", "Method Not Allowed"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    504: ("timeout_error", "The request timed out."),
    OVERLOADED: ("overloaded_error", "Overloaded"),
}
_INTERNAL = ("api_error", "Internal server error")


class AnthropicManners(Manners):
    """`x-api-key`, `request-id`, errors as `{"type": "error", "error": {type, message}}`."""

    provider = "anthropic"

    @override
    def key_of(self, incoming: Incoming) -> str:
        return incoming.headers.get("x-api-key", "").strip() or incoming.bearer()

    @override
    def unauthorised(self, key: str) -> Refusal:
        return Refusal(401, "invalid x-api-key" if key else "x-api-key header is required")

    @override
    def new_request_id(self, rng: random.Random) -> str:
        return "req_01" + token(rng, 22)

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        kind, message = _ERRORS.get(refusal.status, _INTERNAL)
        error = {"type": refusal.kind or kind, "message": refusal.message or message}
        return compact_json({"type": "error", "error": error, "request_id": request_id})

    @override
    def headers(self, request_id: str) -> Headers:
        return [("request-id", request_id), ("anthropic-organization-id", "simulated")]

    @override
    def error_headers(self, refusal: Refusal) -> Headers:
        again = refusal.status in (408, 409, 429) or refusal.status >= 500
        return [*super().error_headers(refusal), ("x-should-retry", "true" if again else "false")]

    @property
    @override
    def overloaded_status(self) -> int:
        return OVERLOADED


class AnthropicMessages(AnthropicManners, Dialect):
    """`POST /v1/messages`."""

    operation = "messages"
    tokens_per_chunk = 8
    id_prefix = "msg_01"

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = _versioned_body(incoming)
        model = body.text("model")
        max_tokens = body.count("max_tokens")
        if max_tokens is None:
            raise bad_request("max_tokens: Field required", "max_tokens")
        return Ask(
            model=model,
            body=body,
            prompt=messages_prompt(body),
            stream=body.flag("stream"),
            max_tokens=max_tokens,
            reasoning=body.inner("thinking").word("type", "disabled") != "disabled",
            cache=CacheRule(f"anthropic|{model}", _CACHE_MINIMUM, explicit=True),
            service_tier="standard",
        )

    @override
    def answering_model(self, asked: str) -> str:
        return ANTHROPIC_VERSIONS.get(asked, asked)

    @override
    def whole(self, reply: Reply) -> bytes:
        choice = reply.choices[0]
        content: list[Json] = []
        if reply.usage.reasoning_tokens:
            signature = token(reply.rng, 64)
            content.append({"type": "thinking", "thinking": choice.thought_text, "signature": signature})
        content.append({"type": "text", "text": choice.text})
        message = self._message(reply, content) | {"stop_reason": _stop_reason(choice)}
        if not reply.directives.omit_usage:
            message["usage"] = _usage_json(reply) | _output_json(reply.usage)
        return compact_json(message)

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        message = self._message(reply, [])
        if not reply.directives.omit_usage:
            begun = min(1, reply.usage.output_tokens)
            message["usage"] = _usage_json(reply) | {"output_tokens": begun}
        yield _event("message_start", {"message": message})
        choice = reply.choices[0]
        index = 0
        if reply.usage.reasoning_tokens:
            yield from _thinking_events(choice, token(reply.rng, 64))
            index = 1
        yield from _text_events(index, choice)
        ended: Json = {"delta": {"stop_reason": _stop_reason(choice), "stop_sequence": None}}
        if not reply.directives.omit_usage:
            whole = _usage_json(reply)
            counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
            ended["usage"] = {name: whole[name] for name in counts} | _output_json(reply.usage)
        yield _event("message_delta", ended)
        yield _event("message_stop", {})

    def _message(self, reply: Reply, content: list[Json]) -> Json:
        return {
            "model": reply.model,
            "id": reply.response_id,
            "type": "message",
            "role": "assistant",
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
        }


def _usage_json(reply: Reply) -> Json:
    """Anthropic's `input_tokens` are those that no cache had to do with."""
    usage = reply.usage
    return {
        "input_tokens": usage.uncached_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "service_tier": reply.service_tier,
    }


def _output_json(usage: ServedUsage) -> Json:
    if not usage.reasoning_tokens:
        return {"output_tokens": usage.output_tokens}
    details = {"thinking_tokens": usage.reasoning_tokens}
    return {"output_tokens": usage.output_tokens, "output_tokens_details": details}


def _stop_reason(choice: Choice) -> str:
    return "max_tokens" if choice.truncated else "end_turn"


def _event(kind: str, fields: Json, tokens: int = 0, *, content: bool = False) -> Chunk:
    return Chunk(named_event(kind, {"type": kind, **fields}), tokens, content)


def _thinking_events(choice: Choice, signature: str) -> Iterator[Chunk]:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    yield _event("content_block_start", {"index": 0, "content_block": block})
    for piece in choice.thought:
        delta = {"type": "thinking_delta", "thinking": piece.text}
        yield _event("content_block_delta", {"index": 0, "delta": delta}, piece.tokens)
    delta = {"type": "signature_delta", "signature": signature}
    yield _event("content_block_delta", {"index": 0, "delta": delta})
    yield _event("content_block_stop", {"index": 0})


def _text_events(index: int, choice: Choice) -> Iterator[Chunk]:
    yield _event("content_block_start", {"index": index, "content_block": {"type": "text", "text": ""}})
    yield _event("ping", {})
    for piece in choice.pieces:
        delta = {"type": "text_delta", "text": piece.text}
        yield _event("content_block_delta", {"index": index, "delta": delta}, piece.tokens, content=True)
    yield _event("content_block_stop", {"index": index})


def messages_prompt(body: Body) -> Prompt:
    """Tools, system and messages, in that order; each block a segment, as a cache may end at any."""
    messages = body.objects("messages")
    if not messages:
        raise bad_request("messages: at least one message is required", "messages")
    cached_tools = [_cache_for(tool.fields) for tool in body.objects("tools")]
    segments = [*tools_segment(body, max(cached_tools, default=0))]
    segments += _blocks("system", body.fields.get("system"))
    for message in messages:
        segments += _blocks(message.text("role"), message.fields.get("content"))
    whole = _cache_for(body.fields)
    if whole:
        last = segments.pop()
        segments.append(Segment(last.text, last.tokens, whole))
    return Prompt(tuple(segments))


def _blocks(role: str, content: object) -> list[Segment]:
    if not isinstance(content, list):
        return [segment(role, content)] if content else []
    blocks: list[Segment] = []
    for part in content:
        plain, keep_s = part, 0
        if isinstance(part, dict):
            plain = {name: value for name, value in part.items() if name != "cache_control"}
            keep_s = _cache_for(part)
        block = segment(role, plain, keep_s)
        overhead = MESSAGE_TOKENS if blocks else 0  # a message counts its overhead once
        blocks.append(Segment(block.text, block.tokens - overhead, keep_s))
    return blocks


def _cache_for(fields: Mapping[str, object]) -> int:
    """Seconds that `cache_control` asks to cache for; 0 without it."""
    control = fields.get("cache_control")
    if control is None:
        return 0
    if not isinstance(control, dict):
        raise bad_request("cache_control: expected an object", "cache_control")
    ttl = control.get("ttl", "5m")
    if ttl not in ("5m", "1h"):
        raise bad_request(f"cache_control.ttl: expected '5m' or '1h', got {ttl!r}", "cache_control")
    return HOUR_S if ttl == "1h" else FIVE_MINUTES_S


def _versioned_body(incoming: Incoming) -> Body:
    if not incoming.headers.get("anthropic-version"):
        raise bad_request("anthropic-version: header is required")
    return parse_body(incoming.body)


def count_tokens(incoming: Incoming) -> bytes:
    """`POST /v1/messages/count_tokens`: free, and by the same rule as what is billed."""
    return compact_json({"input_tokens": messages_prompt(_versioned_body(incoming)).tokens})


class AnthropicChat(AnthropicManners, ChatDialect):
    """`POST /v1/chat/completions`: no caching, no details in the usage, errors in OpenAI's shape."""

    tokens_per_chunk = 8
    id_prefix = "msg_01"

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        if body.count("n") not in (None, 1):
            raise bad_request("n: must be 1", "n")
        return Ask(
            model=body.text("model"),
            body=body,
            prompt=chat_prompt(body),
            stream=body.flag("stream"),
            max_tokens=body.count("max_completion_tokens", "max_tokens"),
            reasoning=body.inner("thinking").word("type", "disabled") != "disabled",
        )

    @override
    def answering_model(self, asked: str) -> str:
        return ANTHROPIC_VERSIONS.get(asked, asked)

    @override
    def usage_json(self, usage: ServedUsage) -> Json:
        return {
            "completion_tokens": usage.output_tokens,
            "prompt_tokens": usage.input_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        kind, message = _ERRORS.get(refusal.status, _INTERNAL)
        kind = refusal.kind or kind
        return compact_json(
            {"error": {"code": kind, "message": refusal.message or message, "type": kind, "param": None}}
        )


def model_list() -> bytes:
    """`GET /v1/models`."""
    data = [model_fields(version) for version in sorted(ANTHROPIC_VERSIONS.values())]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"], "has_more": False}
    return compact_json({"data": data, **ends})


def model_fields(name: str) -> Json:
    """A model as `GET /v1/models` describes it."""
    created = "2025-09-29T00:00:00Z"
    return {"type": "model", "id": name, "display_name": name, "created_at": created, "lifecycle": "active"}
