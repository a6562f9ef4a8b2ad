"""Bad input, bad keys, providers that are down, slow or break off: the provider's error shape, and a record."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as gemini_errors, types as gemini
from mistralai.client import Mistral
from mistralai.client.errors import SDKError
from mistralai.client.models import UserMessage

from tests.fixtures.gateway import RunningGateway, gateway_settings, running_gateway
from tests.fixtures.gateway_calls import CHAT, EVENTS, STREAM_BODY, ask, setting
from tests.fixtures.providers import SimulatedProviders, simulate
from tests.fixtures.upstream import drop, hang, scripted_upstream, stream

pytestmark = pytest.mark.integration

SHAPES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "openai": (CHAT, lambda body: body["error"]["message"]),
    "v1": ("/v1/chat/completions", lambda body: body["error"]["message"]),
    "anthropic": ("/anthropic/v1/messages", lambda body: body["error"]["message"]),
    "mistral": ("/mistral/v1/chat/completions", lambda body: body["message"]),
    "gemini": ("/gemini/v1beta/models/m:generateContent", lambda body: body["error"]["message"]),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_an_unknown_key_is_401_in_the_providers_shape(shared_gateway: RunningGateway, shape: str) -> None:
    path, message = SHAPES[shape]
    status, _, body = ask(shared_gateway, path, headers={"authorization": "Bearer sk-spend-wrong"})
    assert status == 401
    assert message(json.loads(body)) == "this key is unknown or was revoked"
    status, _, body = ask(shared_gateway, path, headers={"authorization": ""})
    assert (status, message(json.loads(body))) == (401, "no key was sent")
    assert shared_gateway.calls() == []


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_body_that_is_no_json_is_400(shared_gateway: RunningGateway, shape: str) -> None:
    path, message = SHAPES[shape]
    deep = b'{"model":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for body in (b"{", b"[]", b"", b'"x"', b"\xff\xfe", deep):
        status, _, answered = ask(shared_gateway, path, body)
        assert status == 400
        assert message(json.loads(answered)).startswith("the request body is")
    assert shared_gateway.calls() == []


def test_a_body_over_the_limit_is_413_and_not_read(
    tmp_path: Path, simulated_providers: SimulatedProviders
) -> None:
    settings = gateway_settings(tmp_path, simulated_providers.base_url, max_body_bytes=1000)
    with running_gateway(settings) as gateway:
        status, _, body = ask(gateway, body=b"x" * 1001)
        assert status == 413
        assert "1000 bytes" in json.loads(body)["error"]["message"]
        with _unfinished_upload(gateway, f"content-length: {10**12}\r\n\r\n".encode()) as answered:
            assert answered.startswith(b"HTTP/1.1 413 ")
        endless = b"transfer-encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n"
        with _unfinished_upload(gateway, endless) as answered:
            assert answered.startswith(b"HTTP/1.1 413 ")
        assert gateway.calls() == []


class _unfinished_upload:  # noqa: N801 - reads as a function
    """A request whose body never ends; what the gateway answers meanwhile."""

    def __init__(self, gateway: RunningGateway, rest: bytes) -> None:
        host, port = gateway.url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
        self._socket.sendall(head.encode() + rest)

    def __enter__(self) -> bytes:
        return self._socket.recv(4096)

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ("no json", "must be a JSON object of texts"),
        ("[]", "must be a JSON object of texts"),
        ('{"a": 1}', "must be a JSON object of texts"),
        (json.dumps({str(n): "x" for n in range(33)}), "33 tags; 32 are allowed"),
        (json.dumps({"a": "x" * 201}), "more than 200 characters"),
    ],
)
def test_bad_tags_are_400_and_name_the_header(shared_gateway: RunningGateway, tags: str, says: str) -> None:
    status, _, body = ask(shared_gateway, headers={"x-spendstream-tags": tags})
    assert status == 400
    message = json.loads(body)["error"]["message"]
    assert "x-spendstream-tags" in message
    assert says in message


def test_a_compressed_request_is_415(shared_gateway: RunningGateway) -> None:
    status, _, body = ask(shared_gateway, headers={"content-encoding": "gzip"})
    assert status == 415
    assert "gzip" in json.loads(body)["error"]["message"]


def test_an_unknown_model_is_forwarded(
    shared_gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    body = b'{"model":"atlas-70b-instruct-onprem","messages":[{"role":"user","content":"hi"}]}'
    assert ask(shared_gateway, "/v1/chat/completions", body)[0] == 200
    finished = shared_gateway.only_call()
    assert finished.call.provider == "openai"
    assert finished.model == simulated_providers.only_call().model


def test_unknown_paths_say_what_there_is(shared_gateway: RunningGateway) -> None:
    for path in ("/", "/openai", "/openai/v2/chat/completions", "/nowhere/v1/x", "/v1"):
        status, _, body = ask(shared_gateway, path)
        assert status == 404
        assert "/openai/v1/" in json.loads(body)["detail"]


def test_a_provider_that_is_down_is_502(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        settings = gateway_settings(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        with running_gateway(settings) as gateway:
            status, headers, body = ask(gateway)
            assert status == 502
            assert json.loads(body)["error"]["message"] == "openai cannot be reached"
            finished = gateway.only_call()
            assert (finished.outcome, finished.http_status, finished.error_type) == ("error", 502, "connect")
            assert finished.usage is None
            assert headers["x-spendstream-call-id"] == finished.call.call_id
            assert ask(gateway, "/openai/v1/models", b"", method="GET")[0] == 502


def test_a_provider_that_stays_silent_is_504(tmp_path: Path) -> None:
    with (
        scripted_upstream(hang) as upstream,
        running_gateway(gateway_settings(tmp_path, upstream.url, upstream_timeout_s=0.2)) as gateway,
    ):
        status, _, _ = ask(gateway, "/anthropic/v1/messages")
        assert status == 504
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert (finished.outcome, finished.http_status, finished.error_type) == ("aborted", 504, "timeout")
        assert finished.is_estimated, "it had the prompt, and may bill it"
        assert finished.usage is not None
        assert finished.usage.input_tokens > 0


def test_a_provider_that_drops_the_connection_is_502(tmp_path: Path) -> None:
    with setting(tmp_path, drop) as (gateway, _):
        assert ask(gateway)[0] == 502
        finished = gateway.only_call()
        assert (finished.outcome, finished.error_type) == ("error", "upstream_broke")


def test_a_stream_that_the_provider_breaks_off_breaks_for_the_caller_too(tmp_path: Path) -> None:
    with setting(tmp_path, stream(EVENTS[:1], ends=False)) as (gateway, _):
        with (
            openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key, max_retries=0) as client,
            pytest.raises(openai.APIConnectionError),
        ):
            list(
                client.chat.completions.create(
                    model="gpt-4o", messages=[{"role": "user", "content": "x" * 400}], stream=True
                )
            )
        finished = gateway.only_call()
        assert (finished.outcome, finished.error_type, finished.http_status) == (
            "aborted",
            "upstream_broke",
            200,
        )
        assert finished.is_estimated
        assert finished.usage is not None
        assert finished.usage.input_tokens == 100 + 7  # the text, and what frames it
        assert finished.usage.output_tokens == 1  # "Hi"


def test_a_stream_that_goes_silent_is_ended(tmp_path: Path) -> None:
    with (
        scripted_upstream(stream(EVENTS[:1], hangs=True)) as upstream,
        running_gateway(gateway_settings(tmp_path, upstream.url, upstream_timeout_s=0.2)) as gateway,
    ):
        with pytest.raises(http.client.IncompleteRead):
            ask(gateway, body=STREAM_BODY)
        finished = gateway.only_call()
        assert (finished.outcome, finished.error_type) == ("aborted", "timeout")


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_the_sdks_see_the_providers_own_errors(shared_gateway: RunningGateway, status: int) -> None:
    headers = simulate(status=status)
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "x"}]
    with openai.OpenAI(
        base_url=f"{shared_gateway.url}/openai/v1", api_key=shared_gateway.key, max_retries=0
    ) as client:
        for is_stream in (False, True):
            with pytest.raises(openai.APIStatusError) as caught:
                client.chat.completions.create(
                    model="gpt-4o", messages=messages, stream=is_stream, extra_headers=headers
                )
            assert caught.value.status_code == status
    with (
        anthropic.Anthropic(
            base_url=f"{shared_gateway.url}/anthropic", api_key=shared_gateway.key, max_retries=0
        ) as claude,
        pytest.raises(anthropic.APIStatusError) as refused,
    ):
        claude.messages.create(
            model="claude-haiku-4-5",
            max_tokens=9,
            messages=[{"role": "user", "content": "x"}],
            extra_headers=headers,
        )
    assert refused.value.status_code == status
    with (
        Mistral(server_url=f"{shared_gateway.url}/mistral", api_key=shared_gateway.key) as mistral,
        pytest.raises(SDKError) as failed,
    ):
        mistral.chat.complete(
            model="mistral-small-latest", messages=[UserMessage(content="x")], http_headers=headers
        )
    assert failed.value.status_code == status
    client_options = gemini.HttpOptions(base_url=f"{shared_gateway.url}/gemini", headers=headers)
    google = genai.Client(api_key=shared_gateway.key, http_options=client_options)
    with pytest.raises(gemini_errors.APIError) as denied:
        google.models.generate_content(model="gemini-2.5-flash", contents="x")
    google.close()
    assert denied.value.code == status
    calls = shared_gateway.finished(5)
    assert {call.outcome for call in calls} == {"error"}
    assert {call.http_status for call in calls} == {status}
    assert {call.usage for call in calls} == {None}
    assert all(call.error_type for call in calls)
