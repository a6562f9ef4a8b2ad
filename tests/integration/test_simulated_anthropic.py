"""The official Anthropic SDK reads the simulated Anthropic; its usage is what the provider says it served."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
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
def anthropic_client(providers: SimulatedProviders) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=f"{providers.base_url}/anthropic", api_key="k", max_retries=0
    ) as client:
        yield client


def served_of_message(usage: anthropic.types.Usage) -> ServedUsage:
    written = usage.cache_creation_input_tokens or 0
    read = usage.cache_read_input_tokens or 0
    assert usage.cache_creation is not None
    hour = usage.cache_creation.ephemeral_1h_input_tokens
    assert usage.cache_creation.ephemeral_5m_input_tokens + hour == written
    details = usage.output_tokens_details
    return ServedUsage(
        input_tokens=usage.input_tokens + written + read,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        output_tokens=usage.output_tokens,
        reasoning_tokens=details.thinking_tokens if details else 0,
    )


def test_anthropic_message(providers: SimulatedProviders, anthropic_client: anthropic.Anthropic) -> None:
    answer = anthropic_client.messages.create(
        model="claude-haiku-4-5", max_tokens=500, messages=[{"role": "user", "content": QUESTION}]
    )
    call = providers.only_call()
    assert served_of_message(answer.usage) == call.usage
    assert answer._request_id == call.request_id
    assert answer.model == call.model == "claude-haiku-4-5-20251001"
    assert answer.usage.service_tier == "standard"
    counted = anthropic_client.messages.count_tokens(
        model="claude-haiku-4-5", messages=[{"role": "user", "content": QUESTION}]
    )
    assert counted.input_tokens == call.usage.input_tokens == 14


def test_anthropic_writes_the_cache_once_and_reads_it_then(
    providers: SimulatedProviders, anthropic_client: anthropic.Anthropic
) -> None:
    answers = [
        anthropic_client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=50,
            system=[
                {
                    "type": "text",
                    "text": "An hour. " + LONG,
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                },
                {"type": "text", "text": "Minutes. " + LONG, "cache_control": {"type": "ephemeral"}},
            ],
            messages=[{"role": "user", "content": QUESTION}],
        )
        for _ in range(2)
    ]
    first, second = (call.usage for call in providers.calls())
    block = -(-(9 + len(LONG)) // 4)
    assert (first.cache_write_1h_tokens, first.cache_read_tokens) == (block + 4, 0)  # 4 for the message
    assert first.cache_write_tokens == 2 * block + 4
    assert (second.cache_read_tokens, second.cache_write_tokens) == (first.cache_write_tokens, 0)
    assert served_of_message(answers[-1].usage) == second


def test_anthropic_stream(providers: SimulatedProviders, anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="claude-haiku-4-5", max_tokens=300, messages=[{"role": "user", "content": QUESTION}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    call = providers.only_call()
    assert served_of_message(final.usage) == call.usage
    assert len(text) == 4 * call.usage.output_tokens


def test_anthropic_stream_with_thinking(
    providers: SimulatedProviders, anthropic_client: anthropic.Anthropic
) -> None:
    stream = anthropic_client.messages.create(
        model="claude-opus-4-5",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 2000},
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
    )
    events = list(stream)
    usage = providers.only_call().usage
    assert [events[0].type, events[-2].type, events[-1].type] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    ended = events[-2]
    assert ended.type == "message_delta"
    assert ended.usage.output_tokens == usage.output_tokens
    assert ended.usage.output_tokens_details is not None
    assert ended.usage.output_tokens_details.thinking_tokens == usage.reasoning_tokens > 0
    started = events[0]
    assert started.type == "message_start"
    assert started.message.usage.input_tokens == usage.input_tokens
    deltas = {event.delta.type for event in events if event.type == "content_block_delta"}
    assert deltas == {"thinking_delta", "signature_delta", "text_delta"}


def test_anthropic_models_are_listed(
    providers: SimulatedProviders, anthropic_client: anthropic.Anthropic
) -> None:
    assert "claude-haiku-4-5-20251001" in {model.id for model in anthropic_client.models.list()}
    assert providers.calls() == []
