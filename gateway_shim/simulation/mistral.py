"""Mistral: chat (its own format is the OpenAI-compatible one) and embeddings.

It refuses fields that it does not know, `stream_options` and `max_completion_tokens` among them, with status 422, and its
streams always end with the usage. Cached tokens come in blocks of 64, for callers that send `prompt_cache_key`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Choice, Piece, Reply
from gateway_shim.simulation.body import Body, parse_body
from gateway_shim.simulation.chat_format import ChatDialect, Json, UsagePlace, chat_prompt
from gateway_shim.simulation.dialect import Dialect, Headers, Incoming, Manners
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.models import MISTRAL_MODELS, reasons
from gateway_shim.simulation.openai import embedding_items, input_texts
from gateway_shim.simulation.prefix_cache import CacheRule
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.sse import compact_json
from gateway_shim.simulation.tokens import text_prompt
from gateway_shim.simulation.usage import ServedUsage

CHAT_FIELDS = frozenset(
    [
        "model",
        "messages",
        "temperature",
        "top_p",
        "max_tokens",
        "stream",
        "stop",
        "random_seed",
        "metadata",
        "response_format",
        "tools",
        "tool_choice",
        "presence_penalty",
        "frequency_penalty",
        "min_tokens",
        "repetition_penalty",
        "top_k",
        "logprobs",
        "top_logprobs",
        "prompt_logprobs",
        "top_prompt_logprobs",
        "n",
        "prediction",
        "parallel_tool_calls",
        "reasoning_effort",
        "prompt_mode",
        "guardrails",
        "prompt_cache_key",
        "service_tier",
        "safe_prompt",
    ]
)
"""What the chat endpoint takes: the fields of the official SDK's ChatCompletionRequest."""
EMBEDDING_FIELDS = frozenset(
    ["model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"]
)
_DIMENSIONS = 1024
_CACHE_BLOCK = 64
_ERRORS = {
    400: ("invalid_request_error", None, "Bad request."),
    403: ("forbidden", None, "Forbidden."),
    404: ("not_found", None, "no Route matched with those values"),
    405: ("invalid_request_error", None, "Method Not Allowed"),
    429: ("rate_limited", "1300", "Rate limit exceeded"),
    503: ("service_unavailable", "1001", "Service unavailable."),
}
_INTERNAL = ("internal_server_error", "1000", "Internal server error")


class MistralManners(Manners):
    """Bearer keys, `mistral-correlation-id`, errors as `{"object": "error", message, type, param, code}`."""

    provider = "mistral"

    @override
    def key_of(self, incoming: Incoming) -> str:
        return incoming.bearer()

    @override
    def unauthorised(self, key: str) -> Refusal:
        return Refusal(401)

    @override
    def new_request_id(self, rng: random.Random) -> str:
        digits = token(rng, 32)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        if refusal.status == 401:
            return compact_json({"detail": "Unauthorized"})
        kind, code, usual = _ERRORS.get(refusal.status, _INTERNAL)
        message: object = refusal.message or usual
        if refusal.status == 422:
            fault = {"type": refusal.kind or "value_error", "loc": ["body", refusal.param], "msg": message}
            kind, code, message = "invalid_request_error", None, {"detail": [fault]}
        error = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
        return compact_json(error | {"raw_status_code": refusal.status})

    @override
    def headers(self, request_id: str) -> Headers:
        return [("mistral-correlation-id", request_id), ("x-kong-request-id", request_id.replace("-", ""))]


class MistralChat(MistralManners, ChatDialect):
    """`POST /v1/chat/completions`."""

    tokens_per_chunk = 6
    usage_place = UsagePlace.LAST_CHOICE
    shows_reasoning = True

    @override
    def read(self, incoming: Incoming) -> Ask:
        with unprocessable():
            body = parse_body(incoming.body)
            refuse_unknown_fields(body, CHAT_FIELDS)
            model = body.text("model")
            cache_key = body.word("prompt_cache_key")
            scope = f"mistral|{model}|{cache_key}"
            return Ask(
                model=model,
                body=body,
                prompt=chat_prompt(body),
                stream=body.flag("stream"),
                max_tokens=body.count("max_tokens"),
                choices=body.count("n") or 1,
                reasoning=reasons(model) or body.word("reasoning_effort") == "high",
                cache=CacheRule(scope, _CACHE_BLOCK, _CACHE_BLOCK) if cache_key else None,
                service_tier=body.word("service_tier"),
            )

    @override
    def usage_json(self, usage: ServedUsage) -> Json:
        counts: Json = {
            "prompt_tokens": usage.input_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
            "completion_tokens": usage.output_tokens,
        }
        if usage.cache_read_tokens:
            counts["prompt_tokens_details"] = {"cached_tokens": usage.cache_read_tokens}
        if usage.reasoning_tokens:
            counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
        return counts

    @override
    def message(self, choice: Choice) -> Json:
        content: object = choice.text
        if choice.thought:
            content = [_thinking(choice.thought_text), {"type": "text", "text": choice.text}]
        return {"role": "assistant", "tool_calls": None, "content": content}

    @override
    def closing(self) -> Json:
        return {"content": ""}

    @override
    def thought_delta(self, piece: Piece) -> Json:
        return {"content": [_thinking(piece.text)]}


def _thinking(text: str) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


class MistralEmbeddings(MistralManners, Dialect):
    """`POST /v1/embeddings`."""

    operation = "embeddings"
    tokens_per_chunk = 1

    @override
    def read(self, incoming: Incoming) -> Ask:
        with unprocessable():
            body = parse_body(incoming.body)
            refuse_unknown_fields(body, EMBEDDING_FIELDS)
            body.count("output_dimension")
            return Ask(
                model=body.text("model"), body=body, prompt=text_prompt(input_texts(body)), embeds=True
            )

    @override
    def whole(self, reply: Reply) -> bytes:
        tokens = reply.usage.input_tokens
        dimensions = reply.ask.body.count("output_dimension") or _DIMENSIONS
        return compact_json(
            {
                "id": reply.response_id,
                "object": "list",
                "data": embedding_items(reply.ask, dimensions, list),
                "model": reply.model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0},
            }
        )


def refuse_unknown_fields(body: Body, known: frozenset[str]) -> None:
    """Raises a Refusal (422) for a field of the body outside `known`."""
    unknown = sorted(body.fields.keys() - known)
    if unknown:
        raise Refusal(422, "Extra inputs are not permitted", param=unknown[0], kind="extra_forbidden")


@contextmanager
def unprocessable() -> Iterator[None]:
    """Within it, a field at fault is answered with status 422 instead of 400."""
    try:
        yield
    except Refusal as refusal:
        if refusal.status == 400 and refusal.param:
            raise Refusal(422, refusal.message, param=refusal.param, kind=refusal.kind) from refusal
        raise


def model_list() -> bytes:
    """`GET /v1/models`."""
    abilities = {"completion_chat": True, "function_calling": True, "completion_fim": False}
    data = [
        {
            "id": name,
            "object": "model",
            "created": 1_715_367_049,
            "owned_by": "mistralai",
            "capabilities": abilities,
        }
        for name in MISTRAL_MODELS
    ]
    return compact_json({"object": "list", "data": data})
