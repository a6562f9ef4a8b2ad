"""The official Gemini SDK reads the simulated Gemini; its usage is what the provider says it served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google import genai
from google.genai import types as genai_types

from gateway_shim.simulation.usage import ServedUsage
from tests.fixtures.providers import SimulatedProviders, simulate

pytestmark = pytest.mark.integration

LONG = "Every answer must be short, friendly and true. " * 120  # 5,640 characters: 1,410 tokens
QUESTION = "What does this product do?"


@pytest.fixture
def providers(simulated_providers: SimulatedProviders) -> SimulatedProviders:
    simulated_providers.reset()
    return simulated_providers


@pytest.fixture
def gemini_client(providers: SimulatedProviders) -> Iterator[genai.Client]:
    client = genai.Client(
        api_key="k", http_options=genai_types.HttpOptions(base_url=f"{providers.base_url}/gemini")
    )
    yield client
    client.close()


def served_of_gemini(usage: genai_types.GenerateContentResponseUsageMetadata | None) -> ServedUsage:
    assert usage is not None
    thoughts = usage.thoughts_token_count or 0
    prompt, candidates = usage.prompt_token_count or 0, usage.candidates_token_count or 0
    assert usage.total_token_count == prompt + candidates + thoughts
    return ServedUsage(
        input_tokens=prompt,
        cache_read_tokens=usage.cached_content_token_count or 0,
        output_tokens=candidates + thoughts,
        reasoning_tokens=thoughts,
    )


def test_gemini_generate(providers: SimulatedProviders, gemini_client: genai.Client) -> None:
    answers = [
        gemini_client.models.generate_content(
            model="gemini-2.5-pro",
            contents=QUESTION,
            config=genai_types.GenerateContentConfig(system_instruction=LONG, max_output_tokens=3000),
        )
        for _ in range(2)
    ]
    first, second = providers.calls()
    assert served_of_gemini(answers[-1].usage_metadata) == second.usage
    assert second.usage.reasoning_tokens > 0
    assert (first.usage.cache_read_tokens, second.usage.cache_read_tokens) == (
        0,
        second.usage.input_tokens - 3,
    )
    assert answers[-1].response_id == second.request_id
    assert answers[-1].model_version == second.model == "gemini-2.5-pro"
    counted = gemini_client.models.count_tokens(model="gemini-2.5-pro", contents=QUESTION)
    assert counted.total_tokens == 14


def test_gemini_stream_counts_up(providers: SimulatedProviders, gemini_client: genai.Client) -> None:
    chunks = list(
        gemini_client.models.generate_content_stream(
            model="gemini-2.5-flash",
            contents=QUESTION,
            config=genai_types.GenerateContentConfig(
                http_options=genai_types.HttpOptions(
                    headers=simulate(output_tokens=500, reasoning_tokens=200, chunks=6, input_tokens=1000)
                )
            ),
        )
    )
    usage = providers.only_call().usage
    assert usage == ServedUsage(input_tokens=1000, output_tokens=500, reasoning_tokens=200)
    counts = [served_of_gemini(chunk.usage_metadata) for chunk in chunks]
    assert [count.output_tokens for count in counts] == [250, 300, 350, 400, 450, 500]
    assert {count.reasoning_tokens for count in counts} == {200}
    assert counts[-1] == usage
    assert len("".join(chunk.text or "" for chunk in chunks)) == 4 * 300


def test_gemini_embeddings(providers: SimulatedProviders, gemini_client: genai.Client) -> None:
    answer = gemini_client.models.embed_content(
        model="gemini-embedding-001",
        contents=["one text", "another"],
        config=genai_types.EmbedContentConfig(output_dimensionality=256),
    )
    assert providers.only_call().usage == ServedUsage(input_tokens=4)
    assert [len(item.values or ()) for item in answer.embeddings or ()] == [256, 256]
