"""One call of each kind that official SDKs make, streaming and not, through the gateway. Retries are off: one call is one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from anthropic import Anthropic
from google import genai
from google.genai import types as genai_types
from mistralai.client import Mistral
from mistralai.client.models import UserMessage
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

ASK = "Explain what a ledger is, and why two of them never agree."
OPENAI_MODEL, ANTHROPIC_MODEL, MISTRAL_MODEL, GEMINI_MODEL = (
    "gpt-4o-mini",
    "claude-haiku-4-5",
    "mistral-small-latest",
    "gemini-2.5-flash",
)


@dataclass(frozen=True)
class Clients:
    """The SDKs, knowing nothing of Spendstream but a base URL and a key."""

    gateway: str
    key: str

    @cached_property
    def openai(self) -> OpenAI:
        return OpenAI(base_url=f"{self.gateway}/openai/v1", api_key=self.key, max_retries=0)

    @cached_property
    def routed(self) -> OpenAI:
        return OpenAI(base_url=f"{self.gateway}/v1", api_key=self.key, max_retries=0)

    @cached_property
    def anthropic(self) -> Anthropic:
        return Anthropic(base_url=f"{self.gateway}/anthropic", api_key=self.key, max_retries=0)

    @cached_property
    def mistral(self) -> Mistral:
        return Mistral(server_url=f"{self.gateway}/mistral", api_key=self.key)

    @cached_property
    def gemini(self) -> genai.Client:
        options = genai_types.HttpOptions(base_url=f"{self.gateway}/gemini")
        return genai.Client(api_key=self.key, http_options=options)

    def close(self) -> None:
        """Close the connections of every SDK that was used."""
        for name in ("openai", "routed", "anthropic", "gemini"):
            if name in self.__dict__:
                getattr(self, name).close()
        if "mistral" in self.__dict__:
            with self.mistral:
                pass  # leaving it is how this SDK is closed


def _openai_calls(c: Clients) -> list[Callable[[], object]]:
    said: list[ChatCompletionMessageParam] = [{"role": "user", "content": ASK}]
    return [
        lambda: c.openai.chat.completions.create(model=OPENAI_MODEL, messages=said),
        lambda: list(c.openai.chat.completions.create(model=OPENAI_MODEL, messages=said, stream=True)),
        lambda: list(
            c.openai.chat.completions.create(
                model="o3", messages=said, stream=True, stream_options={"include_usage": True}
            )
        ),
        lambda: c.openai.responses.create(model="gpt-5-mini", input=ASK),
        lambda: list(c.openai.responses.create(model="gpt-5-mini", input=ASK, stream=True)),
        lambda: c.openai.embeddings.create(model="text-embedding-3-small", input=[ASK, "short"]),
    ]


def _routed_calls(c: Clients) -> list[Callable[[], object]]:
    said: list[ChatCompletionMessageParam] = [{"role": "user", "content": ASK}]
    models = ["gpt-4o", f"anthropic/{ANTHROPIC_MODEL}", f"mistral/{MISTRAL_MODEL}", f"gemini/{GEMINI_MODEL}"]
    calls: list[Callable[[], object]] = []
    for model in models:
        calls += [
            lambda m=model: c.routed.chat.completions.create(model=m, messages=said),  # type: ignore[misc]
            lambda m=model: list(c.routed.chat.completions.create(model=m, messages=said, stream=True)),  # type: ignore[misc]
        ]
    return calls


def _anthropic_calls(c: Clients) -> list[Callable[[], object]]:
    def stream() -> object:
        with c.anthropic.messages.stream(
            model=ANTHROPIC_MODEL, max_tokens=300, messages=[{"role": "user", "content": ASK}]
        ) as events:
            return events.get_final_message()

    return [
        lambda: c.anthropic.messages.create(
            model=ANTHROPIC_MODEL, max_tokens=300, messages=[{"role": "user", "content": ASK}]
        ),
        lambda: c.anthropic.messages.create(
            model=ANTHROPIC_MODEL,
            max_tokens=300,
            system=[{"type": "text", "text": "long " * 3000, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": ASK}],
        ),
        stream,
    ]


def _mistral_calls(c: Clients) -> list[Callable[[], object]]:
    return [
        lambda: c.mistral.chat.complete(model=MISTRAL_MODEL, messages=[UserMessage(content=ASK)]),
        lambda: list(c.mistral.chat.stream(model=MISTRAL_MODEL, messages=[UserMessage(content=ASK)])),
        lambda: c.mistral.embeddings.create(model="mistral-embed", inputs=[ASK]),
    ]


def _gemini_calls(c: Clients) -> list[Callable[[], object]]:
    def whole() -> object:
        return c.gemini.models.generate_content(model=GEMINI_MODEL, contents=ASK)

    def stream() -> object:
        return list(c.gemini.models.generate_content_stream(model=GEMINI_MODEL, contents=ASK))

    return [whole, stream]


def every_kind_of_call(c: Clients) -> list[Callable[[], object]]:
    """What to call, each once."""
    return [
        *_openai_calls(c),
        *_routed_calls(c),
        *_anthropic_calls(c),
        *_mistral_calls(c),
        *_gemini_calls(c),
    ]
