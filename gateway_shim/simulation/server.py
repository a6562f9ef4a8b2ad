"""The server: the providers under their prefixes, and the count of what they served under `/_served`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from gateway_shim.simulation import anthropic, azure, gemini, gemini_compatible, mistral, openai
from gateway_shim.simulation.bedrock import BedrockConverse
from gateway_shim.simulation.connection import read_incoming
from gateway_shim.simulation.dialect import Dialect, Headers, Incoming, Manners
from gateway_shim.simulation.dice import Dice
from gateway_shim.simulation.exchange import SIMULATED, Endpoint, Simulator
from gateway_shim.simulation.ledger import Ledger
from gateway_shim.simulation.openai_media import OpenAIImages, OpenAISpeech, OpenAITranscription
from gateway_shim.simulation.openai_responses import OpenAIResponses
from gateway_shim.simulation.prefix_cache import PrefixCache
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.settings import SimulationSettings
from gateway_shim.simulation.sse import compact_json
from ingest.clock import Clock, SystemClock
from ingest.errors import Unavailable

__all__ = ["SimulationSettings", "create_app", "serve"]

_STOPPING_S = 2
_BACKLOG = 2048


class FreeEndpoint:
    """Something that a provider answers without billing it: lists of models, token counts, errors."""

    def __init__(self, simulator: Simulator, manners: Manners, answer: Callable[[Incoming], bytes]) -> None:
        self._simulator = simulator
        self._manners = manners
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = await read_incoming(scope, receive)
        if incoming is None:
            return
        request_id = self._manners.new_request_id(self._simulator.dice.throw(incoming.body))
        extra: Headers = []
        try:
            key, expected = self._manners.key_of(incoming), self._simulator.settings.expected_key
            if not key or expected not in (None, key):
                raise self._manners.unauthorised(key)
            status, data = 200, self._answer(incoming)
        except Refusal as refusal:
            status, data = refusal.status, self._manners.error_body(refusal, request_id)
            extra = self._manners.error_headers(refusal)
        headers = {"content-type": self._manners.json_type}
        headers.update([*self._manners.headers(request_id), *SIMULATED, *extra])
        await Response(data, status, headers)(scope, receive, send)


def create_app(settings: SimulationSettings, clock: Clock | None = None) -> Starlette:
    """The simulated providers as an ASGI application, with books of their own."""
    clock = clock or SystemClock()
    simulator = Simulator(settings, clock, Dice(settings.seed), PrefixCache(clock), Ledger())
    return Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/_served", _served(simulator.ledger), methods=["GET", "DELETE"]),
            Mount("/openai", routes=_openai(simulator)),
            Mount("/anthropic", routes=_anthropic(simulator)),
            Mount("/mistral", routes=_mistral(simulator)),
            Mount("/gemini", routes=_gemini(simulator)),
            Mount("/azure", routes=_azure(simulator)),
            Mount("/bedrock", routes=_bedrock(simulator)),
            Mount("/vllm", routes=_vllm(simulator)),
        ]
    )


async def serve(
    settings: SimulationSettings,
    port: int,
    *,
    host: str = "127.0.0.1",
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or cancellation. Port 0 takes any free one; `ready` is called with the port, once it
    takes connections.

    Raises Unavailable when the port cannot be bound.
    """
    listener = listen_on(host, port)
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_STOPPING_S,
    )
    server = uvicorn.Server(config)
    if ready is not None:
        ready(listener.getsockname()[1])
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        await task
        raise
    finally:
        listener.close()


def listen_on(host: str, port: int) -> socket.socket:
    """A socket that takes connections, so that nobody who comes early is turned away. Raises Unavailable if it cannot."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"the simulated providers cannot listen on {host}:{port} ({error.strerror}); stop what uses it, or choose"
            " another port with SPENDSTREAM_SIMULATOR_PORT"
        ) from error
    return listener


def _health(_: Request) -> Response:
    return Response(
        b'{"status":"ok","simulated":true}', headers=dict(SIMULATED), media_type="application/json"
    )


def _served(ledger: Ledger) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        if request.method == "DELETE":
            ledger.reset()
        with_calls = request.query_params.get("calls", "0") not in ("", "0", "false")
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit()):
            return Response("after: expected a number of calls", 400, dict(SIMULATED))
        return Response(
            msgspec.json.encode(ledger.served(with_calls, int(after))),
            headers=dict(SIMULATED),
            media_type="application/json",
        )

    return endpoint


def _billed(simulator: Simulator, path: str, dialect: Dialect) -> Route:
    return Route(path, Endpoint(simulator, dialect), methods=["POST"])


def _free(
    simulator: Simulator,
    path: str,
    manners: Manners,
    answer: Callable[[Incoming], bytes],
    method: str = "GET",
) -> Route:
    return Route(path, FreeEndpoint(simulator, manners, answer), methods=[method])


def _rest(simulator: Simulator, manners: Manners) -> BaseRoute:
    """Every other address and method of a provider: 404 in its own shape."""
    return Mount("/", app=FreeEndpoint(simulator, manners, _not_found))


def _not_found(_: Incoming) -> bytes:
    raise Refusal(404)


def _openai(simulator: Simulator) -> list[BaseRoute]:
    manners = openai.OpenAIChat()
    return [
        _billed(simulator, "/v1/chat/completions", manners),
        _billed(simulator, "/v1/responses", OpenAIResponses()),
        _billed(simulator, "/v1/embeddings", openai.OpenAIEmbeddings()),
        _billed(simulator, "/v1/images/generations", OpenAIImages()),
        _billed(simulator, "/v1/audio/transcriptions", OpenAITranscription()),
        _billed(simulator, "/v1/audio/speech", OpenAISpeech()),
        _free(simulator, "/v1/models", manners, lambda _: openai.model_list()),
        _free(
            simulator,
            "/v1/models/{model:path}",
            manners,
            lambda call: openai.model_entry(call.path_params["model"]),
        ),
        _rest(simulator, manners),
    ]


def _azure(simulator: Simulator) -> list[BaseRoute]:
    chat, embeddings = azure.AzureChat(), azure.AzureEmbeddings()
    return [
        _billed(simulator, "/openai/deployments/{deployment}/chat/completions", chat),
        _billed(simulator, "/openai/deployments/{deployment}/embeddings", embeddings),
        _billed(simulator, "/openai/v1/chat/completions", chat),
        _billed(simulator, "/openai/v1/embeddings", embeddings),
        _billed(simulator, "/openai/v1/responses", azure.AzureResponses()),
        _billed(simulator, "/openai/responses", azure.AzureResponses()),
        _rest(simulator, chat),
    ]


def _bedrock(simulator: Simulator) -> list[BaseRoute]:
    whole, streamed = BedrockConverse(streams=False), BedrockConverse(streams=True)
    return [
        _billed(simulator, "/model/{model:path}/converse", whole),
        _billed(simulator, "/model/{model:path}/converse-stream", streamed),
        _rest(simulator, whole),
    ]


def _vllm(simulator: Simulator) -> list[BaseRoute]:
    chat = openai.ServerOfOnesOwn()
    return [_billed(simulator, "/v1/chat/completions", chat), _rest(simulator, chat)]


def _anthropic(simulator: Simulator) -> list[BaseRoute]:
    manners = anthropic.AnthropicMessages()
    return [
        _billed(simulator, "/v1/messages", manners),
        _billed(simulator, "/v1/chat/completions", anthropic.AnthropicChat()),
        _free(simulator, "/v1/messages/count_tokens", manners, anthropic.count_tokens, "POST"),
        _free(simulator, "/v1/models", manners, lambda _: anthropic.model_list()),
        _free(
            simulator,
            "/v1/models/{model:path}",
            manners,
            lambda call: compact_json(anthropic.model_fields(call.path_params["model"])),
        ),
        _rest(simulator, manners),
    ]


def _mistral(simulator: Simulator) -> list[BaseRoute]:
    manners = mistral.MistralChat()
    return [
        _billed(simulator, "/v1/chat/completions", manners),
        _billed(simulator, "/v1/embeddings", mistral.MistralEmbeddings()),
        _free(simulator, "/v1/models", manners, lambda _: mistral.model_list()),
        _rest(simulator, manners),
    ]


def _gemini(simulator: Simulator) -> list[BaseRoute]:
    manners = gemini.GeminiGenerate(streams=False)
    compatible = gemini_compatible.GeminiChat()
    routes: list[BaseRoute] = [
        _billed(simulator, "/v1beta/openai/chat/completions", compatible),
        _billed(simulator, "/v1beta/openai/embeddings", gemini_compatible.GeminiCompatibleEmbeddings()),
        _free(simulator, "/v1beta/openai/models", compatible, lambda _: gemini_compatible.model_list()),
    ]
    for version in ("v1beta", "v1"):
        model = f"/{version}/models/{{model}}"
        routes += [
            _billed(simulator, f"{model}:generateContent", manners),
            _billed(simulator, f"{model}:streamGenerateContent", gemini.GeminiGenerate(streams=True)),
            _billed(simulator, f"{model}:embedContent", gemini.GeminiEmbed(batch=False)),
            _billed(simulator, f"{model}:batchEmbedContents", gemini.GeminiEmbed(batch=True)),
            _free(simulator, f"{model}:countTokens", manners, gemini.count_tokens, "POST"),
            _free(simulator, f"/{version}/models", manners, lambda _: gemini.model_list()),
        ]
    return [*routes, _rest(simulator, manners)]
