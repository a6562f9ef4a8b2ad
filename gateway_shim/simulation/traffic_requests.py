"""One call of a team as an HTTP request to the gateway: address, headers and body. Pure."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway_shim.simulation.dice import lognormal
from gateway_shim.simulation.habits import Shape, Team, Work
from gateway_shim.simulation.wording import words

_PROMPT_SIGMA = 0.5
_LONGEST_PROMPT = 20_000
_ENVIRONMENTS = ("production", "production", "production", "staging")


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A request, ready to send."""

    path: str
    headers: dict[str, str]
    body: bytes
    stream: bool


def draw_call(team: Team, key: str, rng: random.Random) -> OutgoingCall:
    """A call as `team` makes them, with its key."""
    (work,) = rng.choices(team.works, [work.weight for work in team.works])
    stream = rng.random() < work.streams
    tokens = min(_LONGEST_PROMPT, max(1, round(lognormal(rng, work.prompt_tokens, _PROMPT_SIGMA))))
    path, body = _REQUESTS[work.shape](work, words(rng, tokens), stream)
    headers = {
        "content-type": "application/json",
        **_credentials(work, key),
        "x-spendstream-user": rng.choice(team.users),
        "x-spendstream-project": rng.choice(team.projects),
        "x-spendstream-tags": tags(work, rng),
    }
    return OutgoingCall(path, headers, msgspec.json.encode(body), stream)


def tags(work: Work, rng: random.Random) -> str:
    """The tags of a call as JSON; one of them says that it is simulated."""
    named = {"simulated": "true", "feature": work.feature, "env": rng.choice(_ENVIRONMENTS)}
    return msgspec.json.encode(named).decode()


@functools.lru_cache(maxsize=64)
def preamble(work: Work) -> str:
    """The text that begins every prompt of this kind."""
    return words(random.Random(f"{work.model}|{work.feature}"), work.preamble_tokens)


def _credentials(work: Work, key: str) -> dict[str, str]:
    if work.provider == "anthropic" and not work.routed:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    if work.provider == "gemini" and not work.routed:
        return {"x-goog-api-key": key}
    return {"authorization": f"Bearer {key}"}


Request = tuple[str, dict[str, Any]]


def _chat(work: Work, prompt: str, stream: bool) -> Request:
    system = [{"role": "system", "content": preamble(work)}] if work.preamble_tokens else []
    body: dict[str, Any] = {
        "model": work.model,
        "messages": [*system, {"role": "user", "content": prompt}],
    }
    if work.max_tokens is not None:
        limit = "max_tokens" if work.provider == "mistral" else "max_completion_tokens"
        body[limit] = work.max_tokens
    if work.provider == "mistral":
        body["prompt_cache_key"] = work.feature
    if stream:
        body["stream"] = True
    return ("/v1" if work.routed else f"/{work.provider}/v1") + "/chat/completions", body


def _responses(work: Work, prompt: str, stream: bool) -> Request:
    body = {"model": work.model, "instructions": preamble(work), "input": prompt, "stream": stream}
    return "/openai/v1/responses", body | {"max_output_tokens": work.max_tokens}


def _messages(work: Work, prompt: str, stream: bool) -> Request:
    cached = {"type": "text", "text": preamble(work), "cache_control": {"type": "ephemeral"}}
    body = {
        "model": work.model,
        "max_tokens": work.max_tokens,
        "system": [cached],
        "messages": [{"role": "user", "content": prompt}],
        "stream": stream,
    }
    return "/anthropic/v1/messages", body


def _generate(work: Work, prompt: str, stream: bool) -> Request:
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": prompt}]}],
        "generationConfig": {"maxOutputTokens": work.max_tokens},
    }
    if work.preamble_tokens:
        body["systemInstruction"] = {"parts": [{"text": preamble(work)}]}
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/gemini/v1beta/models/{work.model}:{method}", body


def _embeddings(work: Work, prompt: str, stream: bool) -> Request:
    if stream:
        raise ValueError(f"{work.model}: embeddings do not stream")
    if work.provider == "gemini":
        body: dict[str, Any] = {"content": {"parts": [{"text": prompt}]}, "outputDimensionality": 256}
        return f"/gemini/v1beta/models/{work.model}:embedContent", body
    return f"/{work.provider}/v1/embeddings", {"model": work.model, "input": [prompt]}


_REQUESTS = {
    Shape.CHAT: _chat,
    Shape.RESPONSES: _responses,
    Shape.MESSAGES: _messages,
    Shape.GENERATE: _generate,
    Shape.EMBEDDINGS: _embeddings,
}
