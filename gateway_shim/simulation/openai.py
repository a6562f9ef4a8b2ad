"""OpenAI: Chat Completions, Embeddings and the list of models. The Responses API has a file of its own."""

from __future__ import annotations

import random
from collections.abc import Callable

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Choice, Reply
from gateway_shim.simulation.body import Body, parse_body
from gateway_shim.simulation.chat_format import ChatDialect, Json, chat_prompt
from gateway_shim.simulation.dialect import Dialect, Headers, Incoming, Manners
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.models import OPENAI_EMBEDDINGS, OPENAI_VERSIONS, reasons
from gateway_shim.simulation.prefix_cache import CacheRule
from gateway_shim.simulation.refusals import Refusal, bad_request
from gateway_shim.simulation.sse import indented_json
from gateway_shim.simulation.tokens import text_prompt
from gateway_shim.simulation.usage import ServedUsage
from gateway_shim.simulation.vectors import packed, vector

_ERRORS = {
    400: ("invalid_request_error", None, "Your request was malformed."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", None, "You are not allowed to use this model."),
    404: ("invalid_request_error", None, "The requested resource does not exist."),
    405: ("invalid_request_error", None, "Not allowed to use this method on this address."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again in 1s."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}
_SERVER_ERROR = (
    "server_error",
    None,
    "The server had an error while processing your request. Sorry about that!",
)
_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority"}


class OpenAIManners(Manners):
    """Bearer keys, `x-request-id`, errors as `{"error": {message, type, param, code}}`."""

    provider = "openai"

    @override
    def key_of(self, incoming: Incoming) -> str:
        return incoming.bearer()

    @override
    def unauthorised(self, key: str) -> Refusal:
        if not key:
            return Refusal(401, "You didn't provide an API key in an Authorization header using Bearer auth.")
        shown = f"{key[:3]}***{key[-4:]}" if len(key) > 10 else "***"
        return Refusal(401, f"Incorrect API key provided: {shown}.")

    @override
    def new_request_id(self, rng: random.Random) -> str:
        return "req_" + token(rng, 32)

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        kind, code, message = _ERRORS.get(refusal.status, _SERVER_ERROR)
        error = {
            "message": refusal.message or message,
            "type": kind,
            "param": refusal.param,
            "code": refusal.kind or code,
        }
        return indented_json({"error": error})

    @override
    def headers(self, request_id: str) -> Headers:
        return [
            ("x-request-id", request_id),
            ("openai-version", "2020-10-01"),
            ("openai-organization", "simulated"),
            ("openai-processing-ms", "1"),
        ]


class OpenAIChat(OpenAIManners, ChatDialect):
    """`POST /v1/chat/completions`."""

    tokens_per_chunk = 4
    id_prefix = "chatcmpl-"
    obfuscates = True

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model = body.text("model")
        reasoning = reasons(model)
        if reasoning and body.count("max_tokens") is not None:
            raise Refusal(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model."
                " Use 'max_completion_tokens' instead.",
                param="max_tokens",
                kind="unsupported_parameter",
            )
        if body.fields.get("stream_options") is not None and not body.flag("stream"):
            raise bad_request(
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
            )
        effort = body.word("reasoning_effort")
        return Ask(
            model=model,
            body=body,
            prompt=chat_prompt(body),
            stream=body.flag("stream"),
            max_tokens=body.count("max_completion_tokens", "max_tokens"),
            choices=body.count("n") or 1,
            reasoning=reasoning and effort not in ("none", "minimal"),
            cache=implicit_cache(self.provider, model, body),
            service_tier=body.word("service_tier"),
        )

    @override
    def answering_model(self, asked: str) -> str:
        return OPENAI_VERSIONS.get(asked, asked)

    @override
    def tier(self, ask: Ask) -> str:
        return used_tier(ask)

    @override
    def usage_json(self, usage: ServedUsage) -> Json:
        prompt_details = {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0}
        if usage.cache_write_tokens:
            prompt_details["cache_write_tokens"] = usage.cache_write_tokens
        return {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
            "prompt_tokens_details": prompt_details,
            "completion_tokens_details": {
                "reasoning_tokens": usage.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    @override
    def base(self, reply: Reply, kind: str) -> Json:
        return super().base(reply, kind) | {
            "service_tier": reply.service_tier,
            "system_fingerprint": "fp_51mu1a7ed0",
        }

    @override
    def message(self, choice: Choice) -> Json:
        return {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}

    @override
    def opening(self) -> Json:
        return {"role": "assistant", "content": "", "refusal": None}

    @override
    def wrap(self, index: int, what: Json, finish: str | None) -> Json:
        return {"index": index, **what, "logprobs": None, "finish_reason": finish}

    @override
    def encode_whole(self, answer: Json) -> bytes:
        return indented_json(answer)


class ServerOfOnesOwn(OpenAIChat):
    """The same format as a server of one's own speaks it, say vLLM: any model, no versions of it, no tiers."""

    provider = "vllm"
    obfuscates = False

    @override
    def answering_model(self, asked: str) -> str:
        return asked

    @override
    def tier(self, ask: Ask) -> str:
        return ""


class OpenAIEmbeddings(OpenAIManners, Dialect):
    """`POST /v1/embeddings`."""

    operation = "embeddings"
    tokens_per_chunk = 1

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        body.count("dimensions")
        return Ask(model=body.text("model"), body=body, prompt=text_prompt(input_texts(body)), embeds=True)

    @override
    def whole(self, reply: Reply) -> bytes:
        ask, usage = reply.ask, reply.usage
        dimensions = ask.body.count("dimensions") or OPENAI_EMBEDDINGS.get(ask.model, 1536)
        pack: Callable[[list[float]], object] = (
            packed if ask.body.word("encoding_format") == "base64" else list
        )
        return indented_json(
            {
                "object": "list",
                "data": embedding_items(ask, dimensions, pack),
                "model": reply.model,
                "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
            }
        )


def embedding_items(ask: Ask, dimensions: int, pack: Callable[[list[float]], object]) -> list[Json]:
    """The `data` of an embedding answer."""
    return [
        {"object": "embedding", "index": index, "embedding": pack(vector(ask.model, item.text, dimensions))}
        for index, item in enumerate(ask.prompt.segments)
    ]


def input_texts(body: Body) -> list[str]:
    """`input` of an embedding request: a text, texts, token numbers, or lists of them (four characters a number)."""
    given = body.fields.get("input")
    if isinstance(given, str) and given:
        return [given]
    if isinstance(given, list) and given:
        if all(isinstance(item, int) for item in given):
            return ["#" * 4 * len(given)]
        if all(isinstance(item, str) and item for item in given):
            return given
        if all(isinstance(item, list) and item for item in given):
            return ["#" * 4 * len(item) for item in given]
    raise bad_request("input: expected a non-empty string or a list of them", "input")


def implicit_cache(provider: str, model: str, body: Body) -> CacheRule:
    """OpenAI caches prompts of 1,024 tokens and more by itself, in steps of 128."""
    return CacheRule(f"{provider}|{model}|{body.word('prompt_cache_key')}", minimum=1024, block=128)


def used_tier(ask: Ask) -> str:
    """The tier in the answer: `auto` and nothing become `default`."""
    return _TIERS.get(ask.service_tier, "default")


def model_list() -> bytes:
    """`GET /v1/models`."""
    names = sorted({*OPENAI_VERSIONS, *OPENAI_VERSIONS.values(), *OPENAI_EMBEDDINGS})
    data = [{"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"} for name in names]
    return indented_json({"object": "list", "data": data})


def model_entry(name: str) -> bytes:
    """`GET /v1/models/{name}`; any name is served."""
    return indented_json({"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"})
