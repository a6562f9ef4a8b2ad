"""What the simulated providers share: the OpenAI format, errors, aborted calls, keys and the count of what they served."""

from __future__ import annotations

import contextlib
import gzip
import json
import urllib.request
from collections.abc import Iterator

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as genai_types

from gateway_shim.simulation.ledger import total_usage
from gateway_shim.simulation.server import SimulationSettings
from gateway_shim.simulation.usage import ServedUsage
from tests.fixtures.providers import DEADLINE_S, SimulatedProviders, running_providers, simulate

pytestmark = pytest.mark.integration

QUESTION = "What does this product do?"


@pytest.fixture
def providers(simulated_providers: SimulatedProviders) -> SimulatedProviders:
    simulated_providers.reset()
    return simulated_providers


@pytest.fixture
def openai_client(providers: SimulatedProviders) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{providers.base_url}/openai/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(providers: SimulatedProviders) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=f"{providers.base_url}/anthropic", api_key="k", max_retries=0
    ) as client:
        yield client


@pytest.fixture
def gemini_client(providers: SimulatedProviders) -> Iterator[genai.Client]:
    client = genai.Client(
        api_key="k", http_options=genai_types.HttpOptions(base_url=f"{providers.base_url}/gemini")
    )
    yield client
    client.close()


COMPATIBLE = [
    ("anthropic/v1", "claude-haiku-4-5"),
    ("mistral/v1", "mistral-small-latest"),
    ("gemini/v1beta/openai", "gemini-2.5-flash"),
]


@pytest.mark.parametrize(("path", "model"), COMPATIBLE)
def test_openai_sdk_on_the_other_providers(providers: SimulatedProviders, path: str, model: str) -> None:
    with openai.OpenAI(base_url=f"{providers.base_url}/{path}", api_key="k", max_retries=0) as client:
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": QUESTION}], max_tokens=200
        )
        call = providers.only_call()
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == call.usage.input_tokens
        assert answer.usage.total_tokens == call.usage.input_tokens + call.usage.output_tokens
        assert len(answer.choices[0].message.content or "") == 4 * call.usage.visible_tokens
        chunks = list(
            client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": QUESTION}], stream=True
            )
        )
    call = providers.calls()[-1]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(text) == 4 * call.usage.visible_tokens
    said = [chunk.usage for chunk in chunks if chunk.usage]
    if path.startswith("anthropic"):
        assert said == []  # nobody asked
    else:
        assert said[-1].total_tokens == call.usage.input_tokens + call.usage.output_tokens


def test_anthropic_in_openai_format_says_usage_when_asked(providers: SimulatedProviders) -> None:
    with openai.OpenAI(base_url=f"{providers.base_url}/anthropic/v1", api_key="k", max_retries=0) as client:
        *_, last = client.chat.completions.create(
            model="claude-haiku-4-5",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    usage = providers.only_call().usage
    assert last.usage is not None
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (
        usage.input_tokens,
        usage.output_tokens,
    )


def test_mistral_refuses_openai_only_fields(providers: SimulatedProviders) -> None:
    with (
        openai.OpenAI(base_url=f"{providers.base_url}/mistral/v1", api_key="k", max_retries=0) as client,
        pytest.raises(openai.UnprocessableEntityError) as refused,
    ):
        client.chat.completions.create(
            model="mistral-small-latest",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    (fault,) = refused.value.response.json()["message"]["detail"]
    assert (fault["type"], fault["loc"]) == ("extra_forbidden", ["body", "stream_options"])
    (call,) = providers.calls()
    assert (call.outcome, call.status, call.usage) == ("error", 422, ServedUsage())


def test_every_provider_words_an_error_in_its_own_way(
    providers: SimulatedProviders,
    openai_client: openai.OpenAI,
    anthropic_client: anthropic.Anthropic,
    gemini_client: genai.Client,
) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        openai_client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": QUESTION}],
            extra_headers=simulate(status=429),
        )
    assert limited.value.response.headers["retry-after"] == "1"
    assert limited.value.code == "rate_limit_exceeded"
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        anthropic_client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=10,
            messages=[{"role": "user", "content": QUESTION}],
            extra_headers=simulate(status=529),
        )
    assert overloaded.value.status_code == 529
    assert "overloaded_error" in str(overloaded.value.body)
    with pytest.raises(genai.errors.ServerError, match="UNAVAILABLE"):
        gemini_client.models.generate_content(
            model="gemini-2.5-flash",
            contents=QUESTION,
            config=genai_types.GenerateContentConfig(
                http_options=genai_types.HttpOptions(headers=simulate(status=503))
            ),
        )
    assert [(call.outcome, call.status) for call in providers.calls()] == [
        ("error", 429),
        ("error", 529),
        ("error", 503),
    ]


def test_a_wrong_directive_is_a_bad_request(
    providers: SimulatedProviders, openai_client: openai.OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError, match="colour"):
        openai_client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": QUESTION}],
            extra_headers=simulate(colour="red"),
        )


def test_only_the_expected_key_is_let_in() -> None:
    settings = SimulationSettings(speed=0, expected_key="the provider's key")
    with running_providers(settings) as providers:
        with (
            openai.OpenAI(
                base_url=f"{providers.base_url}/openai/v1", api_key="another", max_retries=0
            ) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.embeddings.create(model="text-embedding-3-small", input="text")
        with (
            anthropic.Anthropic(
                base_url=f"{providers.base_url}/anthropic", api_key="another", max_retries=0
            ) as other,
            pytest.raises(anthropic.AuthenticationError),
        ):
            other.messages.create(
                model="claude-haiku-4-5", max_tokens=1, messages=[{"role": "user", "content": "a"}]
            )
        assert [call.status for call in providers.calls()] == [401, 401]
        with openai.OpenAI(
            base_url=f"{providers.base_url}/openai/v1", api_key=settings.expected_key, max_retries=0
        ) as client:
            client.embeddings.create(model="text-embedding-3-small", input="text")
        assert providers.calls()[-1].outcome == "ok"


def test_a_client_that_leaves_is_billed_what_was_produced(
    providers: SimulatedProviders, openai_client: openai.OpenAI
) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        extra_headers=simulate(output_tokens=1000, input_tokens=50, chunks=100, chunk_delay_s=0.05),
    )
    seen = 0
    for chunk in stream:
        seen += bool(chunk.choices[0].delta.content)
        if seen == 3:
            break
    stream.close()
    (call,) = providers.wait_for(lambda calls: len(calls) == 1)
    assert (call.outcome, call.aborted_by, call.status) == ("aborted", "client", 200)
    assert call.usage.input_tokens == 50
    assert 30 <= call.usage.output_tokens < 1000
    assert call.usage.output_tokens % 10 == 0


def test_a_client_that_leaves_before_the_answer(providers: SimulatedProviders) -> None:
    with (
        openai.OpenAI(
            base_url=f"{providers.base_url}/openai/v1", api_key="k", max_retries=0, timeout=0.2
        ) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": QUESTION}],
            extra_headers=simulate(delay_s=60, output_tokens=100),
        )
    (call,) = providers.wait_for(lambda calls: len(calls) == 1)
    assert (call.outcome, call.aborted_by, call.status) == ("aborted", "client", 499)
    assert call.usage.output_tokens < 100


@pytest.mark.parametrize("breaks", [0, 2])
def test_a_connection_that_the_provider_drops(
    providers: SimulatedProviders, openai_client: openai.OpenAI, breaks: int
) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        extra_headers=simulate(output_tokens=50, chunks=5, break_after_chunks=breaks),
    )
    deltas: list[str] = []
    with pytest.raises(openai.APIConnectionError):
        deltas.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert len("".join(deltas)) == 40 * breaks
    (call,) = providers.calls()
    assert (call.outcome, call.aborted_by, call.usage.output_tokens) == ("aborted", "provider", 10 * breaks)


def test_totals_add_up(providers: SimulatedProviders, openai_client: openai.OpenAI) -> None:
    for model in ("gpt-4o", "gpt-4o", "somebody-elses-model"):
        openai_client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": f"{QUESTION} {model}"}]
        )
    served = providers.served(calls=True)
    assert served.simulated
    assert [(total.model, total.calls, total.ok) for total in served.totals] == [
        ("gpt-4o-2024-08-06", 2, 2),
        ("somebody-elses-model", 1, 1),
    ]
    calls = served.calls or []
    assert total_usage(calls[:2]) == served.totals[0].usage
    assert providers.served().calls is None


def test_unlucky_calls_come_at_the_configured_rate() -> None:
    with running_providers(SimulationSettings(speed=0, error_rate=0.3)) as providers:
        with openai.OpenAI(base_url=f"{providers.base_url}/openai/v1", api_key="k", max_retries=0) as client:
            for number in range(200):
                with contextlib.suppress(openai.APIStatusError):
                    client.embeddings.create(model="text-embedding-3-small", input=f"text {number}")
        assert {call.status for call in providers.calls()} == {200, 429, 500, 503}
        (total,) = [item for item in providers.served().totals if item.model == "text-embedding-3-small"]
    assert total.calls == 200
    assert 35 <= total.errors <= 85  # 60 expected, standard deviation 6.5; the seed is fixed


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_whole_answers_are_compressed_for_those_who_accept_it(
    providers: SimulatedProviders, encoding: str
) -> None:
    request = urllib.request.Request(
        f"{providers.base_url}/openai/v1/chat/completions",
        data=json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": QUESTION}]}).encode(),
        headers={"authorization": "Bearer k", "accept-encoding": encoding} | simulate(output_tokens=300),
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
        raw = response.read()
        assert response.headers["content-encoding"] == ("gzip" if encoding == "gzip" else None)
        assert response.headers["x-simulated"] == "true"
    body = json.loads(gzip.decompress(raw) if encoding == "gzip" else raw)
    assert body["usage"]["completion_tokens"] == providers.only_call().usage.output_tokens == 300


def test_unknown_addresses_are_not_found_and_not_billed(providers: SimulatedProviders) -> None:
    with (
        openai.OpenAI(base_url=f"{providers.base_url}/openai/v1", api_key="k", max_retries=0) as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.files.list()
    assert providers.calls() == []
