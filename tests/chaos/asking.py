"""What is asked for: a seeded draw of one call of any kind, in its provider's own format, with what shall happen to it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway_shim.simulation.directives import HEADER

UNPRICED_MODEL = "atlas-70b-instruct-onprem"
_QUESTION = "What is a ledger, and why do two of them never agree? "
_PREAMBLE = "You keep the books of a house where every cent is written down twice. " * 80
"""Long enough for every provider's prompt cache."""
_USERS = ("anna", "ben", "")

Body = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """One call to be made. `abort_after` chunks of the answer the client hangs up; 0: `abort_after_s` seconds after
    sending; None: it stays to the end."""

    path: str
    body: Body
    auth: str
    """Which header holds the key."""
    is_stream: bool
    directives: dict[str, Any] = field(default_factory=dict)
    user: str = ""
    abort_after: int | None = None
    abort_after_s: float = 0.0

    def headers(self, key: str, ref: str, attempt: int) -> dict[str, str]:
        """As an SDK would send them, with the call's name for both sides' books."""
        made = {
            HEADER: json.dumps({**self.directives, "ref": ref}),
            "x-spendstream-tags": json.dumps({"ref": ref, "feature": "chaos"}),
            "x-stainless-retry-count": str(attempt),
            self.auth: f"Bearer {key}" if self.auth == "authorization" else key,
        }
        if self.auth == "x-api-key":
            made["anthropic-version"] = "2023-06-01"
        if self.user:
            made["x-spendstream-user"] = self.user
        return made


def draw(rng: random.Random) -> Ask:
    """A call of any kind."""
    stream = rng.random() < 0.6
    make, weights = zip(*_KINDS, strict=True)
    path, body, auth, can_stream = rng.choices(make, weights)[0](rng, stream)
    stream = stream and can_stream
    directives, abort_after, abort_after_s = _fate(rng, stream, can_stream, _tells_reasoning(path, body))
    return Ask(
        path=path,
        body=body,
        auth=auth,
        is_stream=stream,
        directives=directives,
        user=rng.choice(_USERS),
        abort_after=abort_after,
        abort_after_s=abort_after_s,
    )


def _tells_reasoning(path: str, body: Body) -> bool:
    """Whether the provider says how much of the output was reasoning: Anthropic and Mistral do not."""
    model = str(body.get("model", ""))
    return path.startswith(("/openai", "/gemini")) or model.startswith(("gpt", "gemini"))


def _fate(
    rng: random.Random, stream: bool, answers: bool, reasons: bool
) -> tuple[dict[str, Any], int | None, float]:
    """Directives for the provider, and when the client hangs up."""
    directives: dict[str, Any] = {"delay_s": round(rng.uniform(0, 0.3), 3)}
    if answers:
        reasoning = rng.choice((0, rng.randint(1, 200))) if reasons else 0
        directives |= {"output_tokens": reasoning + rng.randint(1, 300), "reasoning_tokens": reasoning}
    if stream:
        directives |= {"chunks": rng.randint(2, 16), "chunk_delay_s": round(rng.uniform(0, 0.06), 3)}
    luck = rng.random()
    if luck < 0.06:
        directives["status"] = rng.choice((400, 429, 500, 503))
    elif luck < 0.11:
        directives["break_after_chunks"] = rng.randint(0, 4)
    elif luck < 0.20:
        if stream and rng.random() < 0.8:
            return directives, rng.randint(1, 6), 0.0
        return directives, 0, rng.uniform(0, 0.3)
    return directives, None, 0.0


def _said(rng: random.Random, *, system: bool) -> list[Body]:
    """Messages: often with a preamble that was sent before, so that the provider reads it from its cache."""
    asked: list[Body] = [{"role": "user", "content": _QUESTION * rng.randint(1, 12)}]
    return [{"role": "system", "content": _PREAMBLE}, *asked] if system and rng.random() < 0.4 else asked


def _openai_chat(rng: random.Random, stream: bool) -> tuple[str, Body, str, bool]:
    model = rng.choice(("gpt-4o-mini", "gpt-4o", "o3", "gpt-4.1-mini", UNPRICED_MODEL))
    body: Body = {"model": model, "messages": _said(rng, system=True), "stream": stream}
    if stream and rng.random() < 0.5:
        body["stream_options"] = {"include_usage": True}
    return "/openai/v1/chat/completions", body, "authorization", True


def _responses(rng: random.Random, stream: bool) -> tuple[str, Body, str, bool]:
    body = {"model": "gpt-5-mini", "input": _QUESTION * rng.randint(1, 8), "stream": stream}
    return "/openai/v1/responses", body, "authorization", True


def _openai_embeddings(rng: random.Random, _stream: bool) -> tuple[str, Body, str, bool]:
    body = {
        "model": "text-embedding-3-small",
        "input": [_QUESTION] * rng.randint(1, 5),
        "encoding_format": "base64",
    }
    return "/openai/v1/embeddings", body, "authorization", False


def _routed(rng: random.Random, stream: bool) -> tuple[str, Body, str, bool]:
    models = (
        "gpt-4o",
        "anthropic/claude-haiku-4-5",
        "mistral/mistral-small-latest",
        "gemini/gemini-2.5-flash",
    )
    body = {"model": rng.choice(models), "messages": _said(rng, system=False), "stream": stream}
    return "/v1/chat/completions", body, "authorization", True


def _anthropic(rng: random.Random, stream: bool) -> tuple[str, Body, str, bool]:
    body: Body = {
        "model": rng.choice(("claude-haiku-4-5", "claude-sonnet-4-5")),
        "max_tokens": 600,
        "messages": _said(rng, system=False),
        "stream": stream,
    }
    if rng.random() < 0.5:
        kept: Body = {"type": "ephemeral"} | ({"ttl": "1h"} if rng.random() < 0.3 else {})
        text = f"{rng.randint(1, 40)}. {_PREAMBLE * 5}"
        body["system"] = [{"type": "text", "text": text, "cache_control": kept}]
    return "/anthropic/v1/messages", body, "x-api-key", True


def _mistral(rng: random.Random, stream: bool) -> tuple[str, Body, str, bool]:
    body = {"model": "mistral-small-latest", "messages": _said(rng, system=True), "stream": stream}
    return "/mistral/v1/chat/completions", body, "authorization", True


def _mistral_embeddings(rng: random.Random, _stream: bool) -> tuple[str, Body, str, bool]:
    body = {"model": "mistral-embed", "input": [_QUESTION] * rng.randint(1, 5)}
    return "/mistral/v1/embeddings", body, "authorization", False


def _gemini(rng: random.Random, stream: bool) -> tuple[str, Body, str, bool]:
    body: Body = {
        "contents": [{"role": "user", "parts": [{"text": _QUESTION * rng.randint(1, 8)}]}],
        "systemInstruction": {"parts": [{"text": _PREAMBLE}]},
    }
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    model = rng.choice(("gemini-2.5-flash", "gemini-2.5-pro"))
    return f"/gemini/v1beta/models/{model}:{method}", body, "x-goog-api-key", True


def _gemini_embeddings(rng: random.Random, _stream: bool) -> tuple[str, Body, str, bool]:
    body: Body = {
        "content": {"parts": [{"text": _QUESTION * rng.randint(1, 3)}]},
        "outputDimensionality": 256,
    }
    return "/gemini/v1beta/models/gemini-embedding-001:embedContent", body, "x-goog-api-key", False


_Make = Callable[[random.Random, bool], tuple[str, Body, str, bool]]
_KINDS: tuple[tuple[_Make, int], ...] = (
    (_openai_chat, 30),
    (_responses, 10),
    (_openai_embeddings, 5),
    (_routed, 14),
    (_anthropic, 18),
    (_mistral, 8),
    (_mistral_embeddings, 3),
    (_gemini, 10),
    (_gemini_embeddings, 2),
)
