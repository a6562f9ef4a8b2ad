"""Gemini behind OpenAI's format: chat and embeddings under `/v1beta/openai`.

Its streams say the usage in every chunk, asked or not, and `completion_tokens` leaves the thoughts out: only
`total_tokens` has them. Errors come as a list of one.
"""

from __future__ import annotations

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Reply
from gateway_shim.simulation.body import parse_body
from gateway_shim.simulation.chat_format import ChatDialect, Json, UsagePlace, chat_prompt
from gateway_shim.simulation.dialect import Dialect, Incoming
from gateway_shim.simulation.gemini import CACHE_MINIMUM, DIMENSIONS, GeminiManners, error_json
from gateway_shim.simulation.models import GEMINI_MODELS, reasons
from gateway_shim.simulation.openai import embedding_items, input_texts
from gateway_shim.simulation.prefix_cache import CacheRule
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.sse import compact_json, indented_json
from gateway_shim.simulation.tokens import text_prompt
from gateway_shim.simulation.usage import ServedUsage


class GeminiChat(GeminiManners, ChatDialect):
    """`POST /v1beta/openai/chat/completions`."""

    id_in_header = False
    tokens_per_chunk = 40
    usage_place = UsagePlace.EVERY_CHUNK

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model = body.text("model").removeprefix("models/")
        return Ask(
            model=model,
            body=body,
            prompt=chat_prompt(body),
            stream=body.flag("stream"),
            max_tokens=body.count("max_completion_tokens", "max_tokens"),
            choices=body.count("n") or 1,
            reasoning=reasons(model) and body.word("reasoning_effort") != "none",
            cache=CacheRule(f"gemini|{model}", CACHE_MINIMUM),
        )

    @override
    def usage_json(self, usage: ServedUsage) -> Json:
        counts: Json = {
            "completion_tokens": usage.visible_tokens,
            "prompt_tokens": usage.input_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
        if usage.cache_read_tokens:
            counts["prompt_tokens_details"] = {"cached_tokens": usage.cache_read_tokens}
        return counts

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return indented_json([error_json(refusal)])


class GeminiCompatibleEmbeddings(GeminiManners, Dialect):
    """`POST /v1beta/openai/embeddings`."""

    operation = "embeddings"
    id_in_header = False
    tokens_per_chunk = 1

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model = body.text("model").removeprefix("models/")
        return Ask(model=model, body=body, prompt=text_prompt(input_texts(body)), embeds=True)

    @override
    def whole(self, reply: Reply) -> bytes:
        dimensions = reply.ask.body.count("dimensions") or DIMENSIONS
        tokens = reply.usage.input_tokens
        return compact_json(
            {
                "object": "list",
                "data": embedding_items(reply.ask, dimensions, list),
                "model": reply.model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )


def model_list() -> bytes:
    """`GET /v1beta/openai/models`."""
    data = [{"id": f"models/{name}", "object": "model", "owned_by": "google"} for name in GEMINI_MODELS]
    return compact_json({"object": "list", "data": data})
