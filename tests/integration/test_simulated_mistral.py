"""The official Mistral SDK reads the simulated Mistral; its usage is what the provider says it served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mistralai.client import Mistral
from mistralai.client.models import SystemMessage, UsageInfo, UserMessage

from gateway_shim.simulation.usage import ServedUsage
from tests.fixtures.providers import SimulatedProviders

pytestmark = pytest.mark.integration

LONG = "Every answer must be short, friendly and true. " * 120  # 5,640 characters: 1,410 tokens
QUESTION = "What does this product do?"


@pytest.fixture
def providers(simulated_providers: SimulatedProviders) -> SimulatedProviders:
    simulated_providers.reset()
    return simulated_providers


@pytest.fixture
def mistral_client(providers: SimulatedProviders) -> Iterator[Mistral]:
    with Mistral(server_url=f"{providers.base_url}/mistral", api_key="k") as client:
        yield client


def served_of_mistral(usage: UsageInfo | None) -> ServedUsage:
    assert usage is not None
    extra = usage.additional_properties
    return ServedUsage(
        input_tokens=usage.prompt_tokens or 0,
        cache_read_tokens=extra.get("prompt_tokens_details", {}).get("cached_tokens", 0),
        output_tokens=usage.completion_tokens or 0,
        reasoning_tokens=extra.get("completion_tokens_details", {}).get("reasoning_tokens", 0),
    )


def test_mistral_chat(providers: SimulatedProviders, mistral_client: Mistral) -> None:
    answers = [
        mistral_client.chat.complete(
            model="mistral-small-latest",
            messages=(SystemMessage(content=LONG), UserMessage(content=QUESTION)),
            prompt_cache_key="a key",
        )
        for _ in range(2)
    ]
    first, second = (call.usage for call in providers.calls())
    assert served_of_mistral(answers[-1].usage) == second
    assert first.cache_read_tokens == 0
    assert second.cache_read_tokens == (first.input_tokens - 3) // 64 * 64
    assert answers[-1].model == "mistral-small-latest"


def test_mistral_stream_ends_with_usage(providers: SimulatedProviders, mistral_client: Mistral) -> None:
    with mistral_client.chat.stream(
        model="mistral-large-latest", messages=[UserMessage(content=QUESTION)], max_tokens=40
    ) as stream:
        chunks = [event.data for event in stream]
    usage = providers.only_call().usage
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert served_of_mistral(chunks[-1].usage) == usage
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    text = "".join(str(chunk.choices[0].delta.content) for chunk in chunks)
    assert len(text) == 4 * usage.output_tokens


def test_mistral_shows_its_thinking(providers: SimulatedProviders, mistral_client: Mistral) -> None:
    answer = mistral_client.chat.complete(
        model="magistral-medium-latest", messages=[UserMessage(content=QUESTION)]
    )
    usage = providers.only_call().usage
    assert served_of_mistral(answer.usage) == usage
    assert usage.reasoning_tokens > 0
    message = answer.choices[0].message
    assert message is not None
    assert isinstance(message.content, list)
    assert [part.type for part in message.content] == ["thinking", "text"]
    with mistral_client.chat.stream(
        model="magistral-medium-latest", messages=[UserMessage(content=QUESTION)]
    ) as stream:
        last = [event.data for event in stream][-1]
    assert served_of_mistral(last.usage) == providers.calls()[-1].usage


def test_mistral_embeddings(providers: SimulatedProviders, mistral_client: Mistral) -> None:
    answer = mistral_client.embeddings.create(model="mistral-embed", inputs=["one text", "another"])
    assert answer.usage.prompt_tokens == providers.only_call().usage.input_tokens == 4
    assert [len(item.embedding or ()) for item in answer.data] == [1024, 1024]
