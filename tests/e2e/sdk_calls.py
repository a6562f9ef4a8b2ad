"""One call of each kind that official SDKs make, streaming and not, through the gateway. Retries are off: one call is one call."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from anthropic import Anthropic
from botocore.config import Config
from google import genai
from google.genai import types as genai_types
from mistralai.client import Mistral
from mistralai.client.models import UserMessage
from openai import AzureOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam

ASK = "Explain what a ledger is, and why two of them never agree."
OPENAI_MODEL, ANTHROPIC_MODEL, MISTRAL_MODEL, GEMINI_MODEL = (
    "gpt-4o-mini",
    "claude-haiku-4-5",
    "mistral-small-latest",
    "gemini-2.5-flash",
)
BEDROCK_MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


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
    def vllm(self) -> OpenAI:
        return OpenAI(base_url=f"{self.gateway}/vllm/v1", api_key=self.key, max_retries=0)

    @cached_property
    def azure(self) -> AzureOpenAI:
        return AzureOpenAI(
            azure_endpoint=f"{self.gateway}/azure",
            api_key=self.key,
            api_version="2024-10-21",
            max_retries=0,
        )

    @cached_property
    def bedrock(self) -> Any:
        return boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=f"{self.gateway}/bedrock",
            aws_access_key_id=self.key,
            aws_secret_access_key="unused",
            config=Config(retries={"total_max_attempts": 1}),
        )

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
        for name in ("openai", "routed", "vllm", "azure", "bedrock", "anthropic", "gemini"):
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


def _media_calls(c: Clients) -> list[Callable[[], object]]:
    def sound() -> tuple[str, io.BytesIO]:
        return "a.mp3", io.BytesIO(bytes(5000))

    return [
        lambda: c.openai.images.generate(model="gpt-image-1", prompt=ASK),
        lambda: list(c.openai.images.generate(model="gpt-image-1", prompt=ASK, stream=True)),
        lambda: c.openai.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound()),
        lambda: list(
            c.openai.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound(), stream=True)
        ),
        lambda: c.openai.audio.speech.create(model="tts-1", voice="alloy", input=ASK),
    ]


def _azure_calls(c: Clients) -> list[Callable[[], object]]:
    said: list[ChatCompletionMessageParam] = [{"role": "user", "content": ASK}]
    return [
        lambda: c.azure.chat.completions.create(model=OPENAI_MODEL, messages=said),
        lambda: list(c.azure.chat.completions.create(model=OPENAI_MODEL, messages=said, stream=True)),
        lambda: c.azure.embeddings.create(model="text-embedding-3-small", input=[ASK]),
        lambda: c.routed.chat.completions.create(model=f"azure/{OPENAI_MODEL}", messages=said),
    ]


def _bedrock_calls(c: Clients) -> list[Callable[[], object]]:
    said = [{"role": "user", "content": [{"text": ASK}]}]
    system = [{"text": "long " * 3000}, {"cachePoint": {"type": "default"}}]
    return [
        lambda: c.bedrock.converse(modelId=BEDROCK_MODEL, messages=said),
        lambda: c.bedrock.converse(modelId=BEDROCK_MODEL, system=system, messages=said),
        lambda: list(c.bedrock.converse_stream(modelId=BEDROCK_MODEL, messages=said)["stream"]),
    ]


def _own_calls(c: Clients) -> list[Callable[[], object]]:
    said: list[ChatCompletionMessageParam] = [{"role": "user", "content": ASK}]
    return [
        lambda: list(c.vllm.chat.completions.create(model="org/mine", messages=said, stream=True)),
        lambda: c.routed.chat.completions.create(model="vllm/org/mine", messages=said),
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
        *_media_calls(c),
        *_azure_calls(c),
        *_bedrock_calls(c),
        *_own_calls(c),
    ]
