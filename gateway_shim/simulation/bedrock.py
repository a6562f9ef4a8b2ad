"""Amazon Bedrock's Converse and ConverseStream with API keys: usage with cached tokens beside the input, binary events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import unquote

from typing_extensions import override

from gateway_shim.eventstream import Message, encode_message
from gateway_shim.simulation.answers import Ask, Reply
from gateway_shim.simulation.body import Body, parse_body, segment
from gateway_shim.simulation.chat_format import Json
from gateway_shim.simulation.dialect import Chunk, Dialect, Headers, Incoming
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.prefix_cache import CacheRule
from gateway_shim.simulation.refusals import Refusal, bad_request
from gateway_shim.simulation.sse import compact_json
from gateway_shim.simulation.tokens import Prompt, Segment
from gateway_shim.simulation.usage import ServedUsage

_ERRORS = {
    400: ("ValidationException", "The input fails to satisfy the constraints of the service."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "The specified resource could not be found."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    503: ("ServiceUnavailableException", "The service isn't available. Try again later."),
}
_SERVER_ERROR = ("InternalServerException", "An internal server error occurred. Retry your request.")
_HOUR_S, _FIVE_MINUTES_S = 3600, 300


class BedrockConverse(Dialect):
    """`POST /model/{model}/converse`, or `/converse-stream`."""

    provider = "bedrock"
    operation = "converse"
    tokens_per_chunk = 4
    stream_type = "application/vnd.amazon.eventstream"

    def __init__(self, streams: bool) -> None:
        self._streams = streams

    @override
    def key_of(self, incoming: Incoming) -> str:
        return incoming.bearer()

    @override
    def unauthorised(self, key: str) -> Refusal:
        return Refusal(401)

    @override
    def new_request_id(self, rng: random.Random) -> str:
        return token(rng, 32)

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return compact_json({"message": refusal.message or _word(refusal)[1]})

    @override
    def error_headers(self, refusal: Refusal) -> Headers:
        return [("x-amzn-errortype", f"{_word(refusal)[0]}:http://internal.amazon.com/coral/")]

    @override
    def headers(self, request_id: str) -> Headers:
        return [("x-amzn-requestid", request_id)]

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model = unquote(incoming.path_params["model"])
        messages = body.objects("messages")
        if not messages:
            raise bad_request("The field messages must hold at least one message.", "messages")
        said = [_segment(message.word("role"), message) for message in messages]
        system = (
            [_segment("system", Body({"content": body.fields.get("system")}))]
            if "system" in body.fields
            else []
        )
        return Ask(
            model=model,
            body=body,
            prompt=Prompt((*system, *said)),
            stream=self._streams,
            max_tokens=body.inner("inferenceConfig").count("maxTokens"),
            cache=CacheRule(f"bedrock|{model}", minimum=1024, explicit=True),
            service_tier=body.inner("serviceTier").word("type"),
        )

    @override
    def whole(self, reply: Reply) -> bytes:
        text = reply.choices[0].text
        answer: Json = {
            "metrics": {"latencyMs": 1},
            "output": {"message": {"content": [{"text": text}], "role": "assistant"}},
            "stopReason": _stop_reason(reply),
        }
        if not reply.directives.omit_usage:
            answer["usage"] = _usage_json(reply.usage)
        return compact_json(answer | _tier_json(reply))

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        yield _event("messageStart", {"role": "assistant"})
        for piece in reply.choices[0].pieces:
            delta = {"contentBlockIndex": 0, "delta": {"text": piece.text}}
            yield _event("contentBlockDelta", delta, piece.tokens, content=True)
        yield _event("contentBlockStop", {"contentBlockIndex": 0})
        yield _event("messageStop", {"stopReason": _stop_reason(reply)})
        metadata: Json = {"metrics": {"latencyMs": 1}}
        if not reply.directives.omit_usage:
            metadata["usage"] = _usage_json(reply.usage)
        yield _event("metadata", metadata | _tier_json(reply))


def _word(refusal: Refusal) -> tuple[str, str]:
    return _ERRORS.get(refusal.status, _SERVER_ERROR)


def _segment(role: str, message: Body) -> Segment:
    """A message; what stands before a `cachePoint` is to be cached up to its end."""
    content = message.fields.get("content")
    parts = content if isinstance(content, list) else []
    points = [part["cachePoint"] for part in parts if isinstance(part, dict) and "cachePoint" in part]
    cache_for_s = 0
    if points:
        cache_for_s = _HOUR_S if points[-1].get("ttl") == "1h" else _FIVE_MINUTES_S
    said = [part for part in parts if not (isinstance(part, dict) and "cachePoint" in part)]
    return segment(role, said, cache_for_s)


def _stop_reason(reply: Reply) -> str:
    return "max_tokens" if reply.choices[0].truncated else "end_turn"


def _tier_json(reply: Reply) -> Json:
    return {"serviceTier": {"type": reply.service_tier}} if reply.service_tier else {}


def _usage_json(usage: ServedUsage) -> Json:
    short = usage.cache_write_tokens - usage.cache_write_1h_tokens
    details = [("1h", usage.cache_write_1h_tokens), ("5m", short)]
    return {
        "inputTokens": usage.uncached_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
        "cacheDetails": [{"ttl": ttl, "inputTokens": count} for ttl, count in details if count],
    }


def _event(kind: str, payload: Json, tokens: int = 0, content: bool = False) -> Chunk:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return Chunk(encode_message(Message(headers, compact_json(payload))), tokens, content)
