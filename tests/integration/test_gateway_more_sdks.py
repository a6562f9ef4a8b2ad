"""Azure, Bedrock, servers of one's own, images and audio, through the SDKs that people use for them."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gateway_shim.eventstream import EventStreamSplitter
from ingest.events.calls import Outcome
from ingest.usage import TokenUsage
from tests.fixtures.gateway import RunningGateway, assert_recorded_as_served
from tests.fixtures.gateway_calls import ask, setting
from tests.fixtures.golden_answers import FOLDER
from tests.fixtures.providers import SimulatedProviders
from tests.fixtures.upstream import answer

pytestmark = pytest.mark.integration

SAID: Any = [{"role": "user", "content": "Every answer must be short, friendly and true. " * 40}]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
Work = Callable[[RunningGateway], object]


def _azure(gateway: RunningGateway, version: str = "2024-10-21") -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=f"{gateway.url}/azure", api_key=gateway.key, api_version=version, max_retries=0
    )


def _openai(gateway: RunningGateway, path: str = "/openai/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + path, api_key=gateway.key, max_retries=0)


def azure_chat(gateway: RunningGateway) -> None:
    with _azure(gateway) as client:
        assert client.chat.completions.create(model="gpt-4o-mini", messages=SAID).choices[0].message.content


def azure_stream(gateway: RunningGateway) -> None:
    with _azure(gateway) as client:
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=SAID, stream=True))
    assert [bool(chunk.choices) for chunk in chunks[:2]] == [False, True], "the filter's results come first"
    assert all(chunk.choices for chunk in chunks[1:]), "the usage chunk was not asked for"
    assert all(chunk.usage is None for chunk in chunks)


def azure_stream_with_usage(gateway: RunningGateway) -> None:
    with _azure(gateway) as client:
        options: Any = {"include_usage": True}
        chunks = list(
            client.chat.completions.create(model="gpt-4o", messages=SAID, stream=True, stream_options=options)
        )
    assert chunks[-1].usage is not None


def azure_v1(gateway: RunningGateway) -> None:
    with _openai(gateway, "/azure/openai/v1") as client:
        list(client.chat.completions.create(model="gpt-4o-mini", messages=SAID, stream=True))


def azure_by_model(gateway: RunningGateway) -> None:
    with _openai(gateway, "/v1") as client:
        client.chat.completions.create(model="azure/gpt-4o-mini", messages=SAID)


def azure_responses(gateway: RunningGateway) -> None:
    with _azure(gateway, "2025-03-01-preview") as client:
        assert client.responses.create(model="gpt-5-mini", input="Why?").output_text


def azure_embeddings(gateway: RunningGateway) -> None:
    with _azure(gateway) as client:
        client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])


def _bedrock(gateway: RunningGateway, key: str = "") -> Any:
    # A bearer (AWS_BEARER_TOKEN_BEDROCK) goes out over HTTPS only; as an access key id the key works everywhere.
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id=key or gateway.key,
        aws_secret_access_key="unused",
        endpoint_url=f"{gateway.url}/bedrock",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _question(text: str = "Why? ") -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


def bedrock_converse(gateway: RunningGateway) -> None:
    with closing(_bedrock(gateway)) as client:
        answer = client.converse(modelId=CLAUDE, messages=_question())
    assert answer["output"]["message"]["content"][0]["text"]


def bedrock_cached(gateway: RunningGateway) -> None:
    system = [{"text": "long " * 3000}, {"cachePoint": {"type": "default"}}]
    with closing(_bedrock(gateway)) as client:
        answer = client.converse(modelId=CLAUDE, system=system, messages=_question())
    assert answer["usage"]["cacheWriteInputTokens"] > 0


def bedrock_stream(gateway: RunningGateway) -> None:
    with closing(_bedrock(gateway)) as client:
        answer = client.converse_stream(modelId=CLAUDE, messages=_question())
        events = [next(iter(event)) for event in answer["stream"]]
    assert events[0] == "messageStart"
    assert events[-1] == "metadata"


def vllm_stream(gateway: RunningGateway) -> None:
    with _openai(gateway, "/vllm/v1") as client:
        chunks = list(client.chat.completions.create(model="org/mine", messages=SAID, stream=True))
    assert all(chunk.choices for chunk in chunks)


def vllm_by_model(gateway: RunningGateway) -> None:
    with _openai(gateway, "/v1") as client:
        client.chat.completions.create(model="vllm/org/mine", messages=SAID)


def image(gateway: RunningGateway) -> None:
    with _openai(gateway) as client:
        assert client.images.generate(model="gpt-image-1", prompt="a ledger").data


def image_stream(gateway: RunningGateway) -> None:
    with _openai(gateway) as client:
        events = list(client.images.generate(model="gpt-image-1", prompt="a ledger", stream=True))
    assert events[-1].type == "image_generation.completed"


def transcription(gateway: RunningGateway) -> None:
    sound = io.BytesIO(bytes(5000))
    with _openai(gateway) as client:
        assert client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.mp3", sound)).text


def transcription_stream(gateway: RunningGateway) -> None:
    sound = io.BytesIO(bytes(5000))
    with _openai(gateway) as client:
        events = list(
            client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.mp3", sound), stream=True)
        )
    assert events[-1].type == "transcript.text.done"


def transcription_by_model(gateway: RunningGateway) -> None:
    sound = io.BytesIO(bytes(5000))
    with _openai(gateway, "/v1") as client:
        client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=("a.mp3", sound))


def speech(gateway: RunningGateway) -> None:
    with _openai(gateway) as client:
        assert client.audio.speech.create(model="tts-1", voice="alloy", input="Good morning.").content


def speech_stream(gateway: RunningGateway) -> None:
    with (
        _openai(gateway) as client,
        client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="alloy", input="Good morning.", stream_format="sse"
        ) as answer,
    ):
        assert b"speech.audio.done" in answer.read()


WORKS: dict[str, Work] = {
    work.__name__: work
    for work in (
        azure_chat, azure_stream, azure_stream_with_usage, azure_v1, azure_by_model, azure_responses,
        azure_embeddings, bedrock_converse, bedrock_cached, bedrock_stream, vllm_stream, vllm_by_model, image,
        image_stream, transcription, transcription_stream, transcription_by_model, speech, speech_stream,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", list(WORKS))
def test_what_is_recorded_is_what_the_provider_counts(
    name: str, shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    WORKS[name](shared_gateway)
    finished = shared_gateway.only_call()
    assert_recorded_as_served(finished, simulated_providers.only_call())
    assert finished.usage is not None
    assert finished.usage.total_tokens or finished.usage.characters


def test_an_old_version_of_azure_is_not_asked_for_a_usage_and_estimated(
    shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    with _azure(shared_gateway, "2024-02-01") as client:
        list(client.chat.completions.create(model="gpt-4o-mini", messages=SAID, stream=True))
    assert simulated_providers.only_call().outcome == "ok"
    finished = shared_gateway.only_call()
    assert (finished.outcome, finished.is_estimated) == (Outcome.OK, True)
    assert finished.usage is not None
    assert finished.usage.input_tokens > 300
    assert finished.model == "gpt-4o-mini-2024-07-18"


def test_answers_over_ones_own_data_are_not_asked_for_a_usage(shared_gateway: RunningGateway) -> None:
    with _azure(shared_gateway) as client:
        chunks = list(
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=SAID,
                stream=True,
                extra_body={"data_sources": [{"type": "azure_search"}]},
            )
        )
    assert chunks
    assert shared_gateway.only_call().is_estimated


def test_a_bearer_key_is_bedrocks_too(
    shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    body = b'{"messages":[{"role":"user","content":[{"text":"Why?"}]}]}'
    status, headers, content = ask(shared_gateway, f"/bedrock/model/{quote(CLAUDE)}/converse-stream", body)
    assert (status, headers["content-type"]) == (200, "application/vnd.amazon.eventstream")
    kinds = [message.headers[":event-type"] for message in EventStreamSplitter().feed(content)]
    assert kinds[-1] == "metadata"
    assert_recorded_as_served(shared_gateway.only_call(), simulated_providers.only_call())


def test_invoked_models_that_say_nothing_are_counted_by_the_headers(tmp_path: Path) -> None:
    counts = "content-type: application/json\r\nX-Amzn-Bedrock-Input-Token-Count: 11\r\n"
    counts += "X-Amzn-Bedrock-Output-Token-Count: 22\r\n"
    with setting(tmp_path, answer(b'{"outputs":[{"text":"Hi"}]}', headers=counts)) as (gateway, _):
        ask(gateway, "/bedrock/model/mistral.mistral-7b-instruct-v0%3A2/invoke", b'{"prompt":"Why?"}')
        finished = gateway.only_call()
    assert finished.usage == TokenUsage(input_tokens=11, output_tokens=22)
    assert not finished.is_estimated
    assert finished.call.model == "mistral.mistral-7b-instruct-v0:2"


def test_what_another_model_did_within_a_call_is_a_record_of_its_own(tmp_path: Path) -> None:
    body = (FOLDER / "anthropic/fallback.json").read_bytes()
    with setting(tmp_path, answer(body)) as (gateway, _):
        ask(gateway, "/anthropic/v1/messages", b'{"model":"claude-fable-5","max_tokens":500,"messages":[]}')
        main, other = gateway.finished(2)
    assert (main.model, other.model) == ("claude-opus-4-8", "claude-fable-5")
    assert main.usage == TokenUsage(input_tokens=412, output_tokens=264)
    assert other.usage == TokenUsage(input_tokens=412, output_tokens=30)
    assert other.call.call_id == f"{main.call.call_id}/1"
    assert (main.call.attempt, other.call.attempt) == (0, 1), "one logical call"
    assert not main.is_estimated
    assert not other.is_estimated


def test_a_refusal_of_ours_is_an_error_of_bedrocks(shared_gateway: RunningGateway) -> None:
    with closing(_bedrock(shared_gateway, "wrong")) as client, pytest.raises(ClientError) as caught:
        client.converse(modelId=CLAUDE, messages=_question())
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "unknown" in caught.value.response["Error"]["Message"]


def test_a_stored_response_that_is_fetched_is_no_call(
    shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    with _openai(shared_gateway) as client, pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_123")
    assert shared_gateway.calls() == []
