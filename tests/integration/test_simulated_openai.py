"""The official OpenAI SDK reads the simulated OpenAI; its usage is what the provider says it served."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

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
def openai_client(providers: SimulatedProviders) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{providers.base_url}/openai/v1", api_key="k", max_retries=0) as client:
        yield client


def served_of(usage: openai.types.CompletionUsage | None) -> ServedUsage:
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    return ServedUsage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.prompt_tokens_details.cached_tokens or 0,
        output_tokens=usage.completion_tokens,
        reasoning_tokens=usage.completion_tokens_details.reasoning_tokens or 0,
    )


def test_openai_chat(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    answer = openai_client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}]
    )
    call = providers.only_call()
    assert served_of(answer.usage) == call.usage
    assert call.usage.input_tokens == 3 + 4 + 7  # a request, a message, 26 characters
    assert answer.model == call.model == "gpt-4o-mini-2024-07-18"
    assert answer.choices[0].finish_reason == "stop"
    assert answer._request_id == call.request_id
    assert answer.service_tier == "default"
    assert len(answer.choices[0].message.content or "") == 4 * call.usage.output_tokens


def test_openai_reasoning_counts_within_the_output_and_the_limit(
    providers: SimulatedProviders, openai_client: openai.OpenAI
) -> None:
    answer = openai_client.chat.completions.create(
        model="o3", messages=[{"role": "user", "content": QUESTION}], max_completion_tokens=90
    )
    usage = providers.only_call().usage
    assert served_of(answer.usage) == usage
    assert 0 < usage.reasoning_tokens <= usage.output_tokens <= 90


def test_openai_caches_a_long_prefix(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    unique = "cache test " + LONG
    answers = [
        openai_client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "system", "content": unique}, {"role": "user", "content": question}],
        )
        for question in ("first", "second")
    ]
    first, second = (call.usage for call in providers.calls())
    assert first.cache_read_tokens == 0
    assert second.cache_read_tokens == 1408  # 1,417 tokens of the system message, in steps of 128
    assert served_of(answers[-1].usage) == second


def test_openai_stream_with_usage(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    call = providers.only_call()
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert all(
        "usage" in chunk.model_fields_set for chunk in chunks
    )  # null, not absent, when it was asked for
    assert chunks[-1].choices == []
    assert served_of(chunks[-1].usage) == call.usage
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert len(text) == 4 * call.usage.output_tokens
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_openai_stream_says_no_usage_unless_asked(
    providers: SimulatedProviders, openai_client: openai.OpenAI
) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    chunks = list(stream)
    assert providers.only_call().usage.output_tokens > 0
    assert not any("usage" in chunk.model_fields_set for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)


def test_openai_bills_every_choice(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    answer = openai_client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": QUESTION}], n=3, max_completion_tokens=5
    )
    assert [choice.finish_reason for choice in answer.choices] == ["length"] * 3
    assert providers.only_call().usage.output_tokens == 15
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": QUESTION}],
        n=2,
        max_completion_tokens=9,
        stream=True,
    )
    texts = {0: "", 1: ""}
    for chunk in stream:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert [len(text) for text in texts.values()] == [36, 36]
    assert providers.calls()[-1].usage.output_tokens == 18


def test_openai_responses(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    answer = openai_client.responses.create(model="gpt-5-mini", instructions="Be brief.", input=QUESTION)
    call = providers.only_call()
    assert answer.usage is not None
    assert answer.status == "completed"
    assert answer.usage.input_tokens == call.usage.input_tokens
    assert answer.usage.output_tokens == call.usage.output_tokens
    assert answer.usage.output_tokens_details.reasoning_tokens == call.usage.reasoning_tokens > 0
    assert len(answer.output_text) == 4 * call.usage.visible_tokens
    assert [item.type for item in answer.output] == ["reasoning", "message"]


def test_openai_responses_stream(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    with openai_client.responses.stream(model="gpt-4.1", input=QUESTION) as stream:
        events = list(stream)
        final = stream.get_final_response()
    names = [event.type for event in events]
    assert names[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert names[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.usage is not None
    usage = providers.only_call().usage
    assert (final.usage.input_tokens, final.usage.output_tokens) == (usage.input_tokens, usage.output_tokens)
    assert len(final.output_text) == 4 * usage.output_tokens


def test_openai_responses_stream_cut_off(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    *_, last = openai_client.responses.create(
        model="gpt-4.1", input=QUESTION, max_output_tokens=2, stream=True
    )
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == providers.only_call().usage.output_tokens == 2


def test_openai_embeddings(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    answer = openai_client.embeddings.create(model="text-embedding-3-small", input=["one text", "another"])
    call = providers.only_call()
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == call.usage.input_tokens == 4
    assert [len(item.embedding) for item in answer.data] == [1536, 1536]
    assert sum(number * number for number in answer.data[0].embedding) == pytest.approx(1, abs=1e-4)
    plain = openai_client.embeddings.create(
        model="text-embedding-3-small", input="one text", encoding_format="float"
    )
    assert plain.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-6)


def test_openai_models_are_listed_for_free(
    providers: SimulatedProviders, openai_client: openai.OpenAI
) -> None:
    assert "gpt-4o-mini" in {model.id for model in openai_client.models.list()}
    assert openai_client.models.retrieve("gpt-4o").id == "gpt-4o"
    assert providers.calls() == []
