"""The providers' own SDKs, with nothing changed but the address and the key: they work, and what is recorded is what
the provider counts."""

from __future__ import annotations

from collections.abc import Callable

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as gemini
from mistralai.client import Mistral
from mistralai.client.models import UserMessage

from tests.fixtures.gateway import RunningGateway, assert_recorded_as_served
from tests.fixtures.providers import SimulatedProviders, simulate

pytestmark = pytest.mark.integration

Work = Callable[[RunningGateway, dict[str, str]], str]
"""Makes one call with these extra headers; the text of the answer."""

LONG = "Every answer must be short, friendly and true. " * 40


def _openai(gateway: RunningGateway, path: str = "/openai/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + path, api_key=gateway.key, max_retries=0)


def openai_chat(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with _openai(gateway) as client:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": LONG}], extra_headers=headers
        )
    return answer.choices[0].message.content or ""


def openai_chat_stream(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with _openai(gateway) as client:
        chunks = list(
            client.chat.completions.create(
                model="o3",
                messages=[{"role": "user", "content": LONG}],
                stream=True,
                extra_headers=headers,
            )
        )
    assert all(chunk.choices for chunk in chunks), "the usage chunk was not asked for"
    assert all(chunk.usage is None for chunk in chunks)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def openai_chat_stream_with_usage(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with _openai(gateway) as client:
        chunks = list(
            client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": LONG}],
                stream=True,
                stream_options={"include_usage": True},
                extra_headers=headers,
            )
        )
    if "omit_usage" not in str(headers):
        assert chunks.pop().usage is not None, "the usage chunk was asked for"
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def openai_responses(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with _openai(gateway) as client:
        return client.responses.create(model="o4-mini", input=LONG, extra_headers=headers).output_text


def openai_responses_stream(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with _openai(gateway) as client:
        events = list(client.responses.create(model="gpt-4o", input=LONG, stream=True, extra_headers=headers))
    assert events[-1].type == "response.completed"
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def anthropic_messages(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with anthropic.Anthropic(
        base_url=f"{gateway.url}/anthropic", api_key=gateway.key, max_retries=0
    ) as client:
        answer = client.messages.create(
            model="claude-sonnet-4-6",
            max_tokens=500,
            messages=[{"role": "user", "content": LONG}],
            extra_headers=headers,
        )
    return "".join(block.text for block in answer.content if block.type == "text")


def anthropic_messages_stream(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with (
        anthropic.Anthropic(
            base_url=f"{gateway.url}/anthropic", auth_token=gateway.key, api_key=None, max_retries=0
        ) as client,
        client.messages.stream(
            model="claude-sonnet-4-6",
            max_tokens=500,
            messages=[{"role": "user", "content": LONG}],
            extra_headers=headers,
        ) as stream,
    ):
        return stream.get_final_text()


def mistral_chat(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with Mistral(server_url=f"{gateway.url}/mistral", api_key=gateway.key) as client:
        answer = client.chat.complete(
            model="mistral-small-latest", messages=[UserMessage(content=LONG)], http_headers=headers
        )
    return str(answer.choices[0].message.content)


def mistral_chat_stream(gateway: RunningGateway, headers: dict[str, str]) -> str:
    with (
        Mistral(server_url=f"{gateway.url}/mistral", api_key=gateway.key) as client,
        client.chat.stream(
            model="mistral-large-latest", messages=[UserMessage(content=LONG)], http_headers=headers
        ) as stream,
    ):
        return "".join(str(event.data.choices[0].delta.content or "") for event in stream)


def _gemini(gateway: RunningGateway, headers: dict[str, str]) -> genai.Client:
    options = gemini.HttpOptions(base_url=f"{gateway.url}/gemini", headers=headers)
    return genai.Client(api_key=gateway.key, http_options=options)


def gemini_generate(gateway: RunningGateway, headers: dict[str, str]) -> str:
    client = _gemini(gateway, headers)
    answer = client.models.generate_content(model="gemini-2.5-pro", contents=LONG)
    client.close()
    return answer.text or ""


def gemini_stream(gateway: RunningGateway, headers: dict[str, str]) -> str:
    client = _gemini(gateway, headers)
    chunks = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents=LONG))
    client.close()
    return "".join(chunk.text or "" for chunk in chunks)


def _routed(model: str, is_stream: bool) -> Work:
    def work(gateway: RunningGateway, headers: dict[str, str]) -> str:
        with _openai(gateway, "/v1") as client:
            if not is_stream:
                answer = client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": LONG}], extra_headers=headers
                )
                return str(answer.choices[0].message.content)
            chunks = list(
                client.chat.completions.create(
                    model=model,
                    messages=[{"role": "user", "content": LONG}],
                    stream=True,
                    extra_headers=headers,
                )
            )
            return "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks if chunk.choices)

    return work


WORKS: dict[str, tuple[Work, str, str]] = {
    "openai chat": (openai_chat, "openai", "chat"),
    "openai chat, stream": (openai_chat_stream, "openai", "chat"),
    "openai chat, stream with usage": (openai_chat_stream_with_usage, "openai", "chat"),
    "openai responses": (openai_responses, "openai", "chat"),
    "openai responses, stream": (openai_responses_stream, "openai", "chat"),
    "anthropic messages": (anthropic_messages, "anthropic", "chat"),
    "anthropic messages, stream": (anthropic_messages_stream, "anthropic", "chat"),
    "mistral chat": (mistral_chat, "mistral", "chat"),
    "mistral chat, stream": (mistral_chat_stream, "mistral", "chat"),
    "gemini generate": (gemini_generate, "gemini", "generate_content"),
    "gemini generate, stream": (gemini_stream, "gemini", "generate_content"),
}
ROUTED = {
    f"{model}{', stream' if is_stream else ''}": (_routed(model, is_stream), provider, "chat")
    for model, provider in (
        ("gpt-4o-mini", "openai"),
        ("openai/gpt-4o", "openai"),
        ("claude-haiku-4-5", "anthropic"),
        ("anthropic/claude-haiku-4-5", "anthropic"),
        ("mistral/mistral-small-latest", "mistral"),
        ("mistral-large-latest", "mistral"),
        ("gemini/gemini-2.5-flash", "gemini"),
        ("gemini-2.5-pro", "gemini"),
    )
    for is_stream in (False, True)
}


# Their SDKs fail on answers without usage.
NEED_USAGE = ("mistral chat", "anthropic messages, stream")


@pytest.mark.parametrize("name", [*WORKS, *ROUTED])
def test_what_is_recorded_is_what_the_provider_counts(
    name: str, shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    work, provider, operation = (WORKS | ROUTED)[name]
    assert work(shared_gateway, {"x-spendstream-user": "ada", "x-spendstream-tags": '{"feature":"x"}'})
    finished = shared_gateway.only_call()
    served = simulated_providers.only_call()
    assert_recorded_as_served(finished, served)
    call = finished.call
    assert (call.provider, call.operation) == (provider, operation)
    assert (call.who.team, call.who.user, call.who.tags) == ("search", "ada", {"feature": "x"})
    assert finished.response_id in (served.response_id, "")
    assert finished.ttft_ms is not None
    assert finished.ttft_ms <= finished.latency_ms
    assert len(shared_gateway.calls()) == 2, "started and finished"


# Anthropic alone has cache writes; OpenAI-compatible endpoints of the others tell less.
COUNTS = {
    "openai": {"input_tokens": 3000, "cache_read_tokens": 1024, "output_tokens": 70, "reasoning_tokens": 20},
    "anthropic": {
        "input_tokens": 5000,
        "cache_read_tokens": 1000,
        "cache_write_tokens": 900,
        "cache_write_1h_tokens": 400,
        "output_tokens": 70,
    },
    "mistral": {"input_tokens": 3000, "cache_read_tokens": 64, "output_tokens": 70},
    "gemini": {"input_tokens": 3000, "cache_read_tokens": 1024, "output_tokens": 70, "reasoning_tokens": 20},
}


@pytest.mark.parametrize("name", list(WORKS))
def test_every_token_class_is_read(
    name: str, shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    work, provider, _ = WORKS[name]
    work(shared_gateway, simulate(**COUNTS[provider]))
    finished = shared_gateway.only_call()
    assert_recorded_as_served(finished, simulated_providers.only_call())
    assert finished.usage is not None
    for count, value in COUNTS[provider].items():
        assert getattr(finished.usage, count) == value, count


@pytest.mark.parametrize("name", list(WORKS))
def test_a_count_of_zero_is_a_count(
    name: str, shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    work, _, _ = WORKS[name]
    work(shared_gateway, simulate(input_tokens=0, output_tokens=0))
    finished = shared_gateway.only_call()
    assert finished.usage is not None
    assert finished.usage.total_tokens == 0
    assert not finished.is_estimated


@pytest.mark.parametrize("name", [name for name in WORKS if name not in NEED_USAGE])
def test_a_usage_that_is_missing_is_estimated_and_marked(
    name: str, shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    work, _, _ = WORKS[name]
    text = work(shared_gateway, simulate(omit_usage=True))
    finished = shared_gateway.only_call()
    assert finished.is_estimated
    assert finished.usage is not None
    assert finished.usage.input_tokens >= len(LONG) / 5
    assert finished.usage.output_tokens >= len(text) // 5


def test_embeddings_of_all_that_have_them(
    shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    with _openai(shared_gateway) as client:
        client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    with _openai(shared_gateway, "/v1") as client:
        client.embeddings.create(model="mistral/mistral-embed", input="three", encoding_format="float")
    with Mistral(server_url=f"{shared_gateway.url}/mistral", api_key=shared_gateway.key) as mistral:
        mistral.embeddings.create(model="mistral-embed", inputs=["four"])
    calls = shared_gateway.finished(3)
    for finished, served in zip(calls, simulated_providers.calls(), strict=True):
        assert_recorded_as_served(finished, served)
        assert finished.call.operation == "embeddings"
        assert finished.usage is not None
        assert finished.usage.output_tokens == 0


def test_what_the_provider_gives_for_nothing_costs_nothing(shared_gateway: RunningGateway) -> None:
    with anthropic.Anthropic(
        base_url=f"{shared_gateway.url}/anthropic", api_key=shared_gateway.key
    ) as client:
        count = client.messages.count_tokens(
            model="claude-sonnet-4-6", messages=[{"role": "user", "content": LONG}]
        )
    assert count.input_tokens > 0
    finished = shared_gateway.only_call()
    assert finished.call.operation == "count_tokens"
    assert finished.usage is not None
    assert finished.usage.total_tokens == 0


def test_lists_pass_and_are_no_calls(shared_gateway: RunningGateway) -> None:
    with _openai(shared_gateway) as client:
        assert client.models.list().data
    with _openai(shared_gateway, "/v1") as client:
        assert client.models.list().data
    assert shared_gateway.calls() == []


def test_the_service_tier_of_the_answer_is_recorded(shared_gateway: RunningGateway) -> None:
    openai_chat(shared_gateway, simulate(service_tier="flex"))
    assert shared_gateway.only_call().service_tier == "flex"
