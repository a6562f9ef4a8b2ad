"""Azure OpenAI: OpenAI's formats by deployment, with keys in `api-key`, content filter results, and versions of the API.

A deployment is named like the model that it serves. Before 2024-09-01-preview `stream_options` is refused and a stream
never tells its usage.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Reply
from gateway_shim.simulation.body import parse_body
from gateway_shim.simulation.chat_format import Json
from gateway_shim.simulation.dialect import Chunk, Headers, Incoming, Manners
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.openai import OpenAIChat, OpenAIEmbeddings
from gateway_shim.simulation.openai_responses import OpenAIResponses
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.sse import compact_json, data_event

_SAFE = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}
_FIRST_WITH_USAGE = "2024-09-01"


class AzureManners(Manners):
    """What Azure's front end adds to OpenAI's API."""

    provider = "azure"

    @override
    def key_of(self, incoming: Incoming) -> str:
        return incoming.headers.get("api-key", "") or incoming.bearer()

    @override
    def unauthorised(self, key: str) -> Refusal:
        return Refusal(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint.",
            kind="401",
        )

    @override
    def new_request_id(self, rng: random.Random) -> str:
        return token(rng, 32)

    @override
    def headers(self, request_id: str) -> Headers:
        return [("apim-request-id", request_id), ("x-ms-region", "Simulated")]


def with_deployment(incoming: Incoming) -> Incoming:
    """The request with the deployment of its path as the model, where the body names none."""
    deployment = incoming.path_params.get("deployment")
    if deployment is None:
        return incoming
    fields = {**parse_body(incoming.body).fields, "model": deployment}
    return replace(incoming, body=msgspec.json.encode(fields))


class AzureChat(AzureManners, OpenAIChat):
    """`POST …/chat/completions`."""

    obfuscates = False

    @override
    def read(self, incoming: Incoming) -> Ask:
        ask = super().read(with_deployment(incoming))
        version = incoming.query.get("api-version", "")
        is_dated = version[:1].isdigit() and "deployment" in incoming.path_params
        if (
            is_dated
            and version[:10] < _FIRST_WITH_USAGE
            and ask.body.fields.get("stream_options") is not None
        ):
            raise Refusal(400, "Unknown parameter: 'stream_options'.", kind="unknown_parameter")
        return ask

    @override
    def base(self, reply: Reply, kind: str) -> Json:
        fields = super().base(reply, kind)
        del fields["service_tier"]
        if kind == "chat.completion":
            fields["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        return fields

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        results = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        yield Chunk(data_event(compact_json({**first, "prompt_filter_results": results})))
        yield from super().stream(reply)


class AzureEmbeddings(AzureManners, OpenAIEmbeddings):
    """`POST …/embeddings`."""

    @override
    def read(self, incoming: Incoming) -> Ask:
        return super().read(with_deployment(incoming))


class AzureResponses(AzureManners, OpenAIResponses):
    """`POST /openai/responses` and `/openai/v1/responses`."""
