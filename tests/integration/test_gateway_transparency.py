"""What goes in comes out: bytes, headers and status, both ways, and nothing of ours or of the key in between."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fixtures.gateway import PROVIDER_KEY
from tests.fixtures.gateway_calls import BODY, CHAT, EVENTS, REPLY, STREAM_BODY, ask, setting
from tests.fixtures.upstream import Play, answer, stream

pytestmark = pytest.mark.integration


def test_bytes_of_request_and_answer_are_not_touched(tmp_path: Path) -> None:
    with setting(tmp_path, answer(REPLY)) as (gateway, upstream):
        status, headers, content = ask(gateway, f"{CHAT}?a=1&b=%2F")
        assert (status, content) == (200, REPLY)
        request = upstream.only_request
        assert request.body == BODY
        assert request.line == f"POST {CHAT}?a=1&b=%2F HTTP/1.1"
        finished = gateway.only_call()
        assert headers["x-spendstream-call-id"] == finished.call.call_id
        assert finished.usage is not None
        assert (finished.usage.input_tokens, finished.usage.output_tokens) == (3, 4)


def test_paths_pass_percent_encoded_as_they_came(tmp_path: Path) -> None:
    with setting(tmp_path, answer(b"{}")) as (gateway, upstream):
        ask(gateway, "/openai/v1/files/a%2Fb%20c/content", b"", method="GET")
        assert upstream.only_request.line == "GET /openai/v1/files/a%2Fb%20c/content HTTP/1.1"


KEY_PLACES = {
    "authorization": (CHAT, "Bearer {key}", "authorization", f"Bearer {PROVIDER_KEY}"),
    "x-api-key": ("/anthropic/v1/messages", "{key}", "x-api-key", PROVIDER_KEY),
    "x-goog-api-key": ("/gemini/v1beta/models/m:generateContent", "{key}", "x-goog-api-key", PROVIDER_KEY),
}


@pytest.mark.parametrize("place", list(KEY_PLACES))
def test_the_callers_key_never_leaves(tmp_path: Path, place: str) -> None:
    path, shown, header, value = KEY_PLACES[place]
    with setting(tmp_path, answer(b"{}")) as (gateway, upstream):
        status, _, _ = ask(gateway, path, headers={"authorization": "", place: shown.format(key=gateway.key)})
        assert status == 200
        request = upstream.only_request
        assert request.headers[header] == value
        assert gateway.key not in request.line + str(request.headers) + str(request.body)


def test_a_key_in_geminis_query_is_taken_out(tmp_path: Path) -> None:
    with setting(tmp_path, answer(b"{}")) as (gateway, upstream):
        path = f"/gemini/v1beta/models/m:generateContent?alt=json&key={gateway.key}&x=%20"
        status, _, _ = ask(gateway, path, headers={"authorization": ""})
        assert status == 200
        request = upstream.only_request
        assert request.line == "POST /gemini/v1beta/models/m:generateContent?alt=json&x=%20 HTTP/1.1"
        assert request.headers["x-goog-api-key"] == PROVIDER_KEY


def test_request_headers_that_pass_and_that_do_not(tmp_path: Path) -> None:
    with setting(tmp_path, answer(b"{}")) as (gateway, upstream):
        ask(
            gateway,
            headers={
                "openai-beta": "assistants=v2",
                "user-agent": "mine/1",
                "accept": "text/x",
                "accept-encoding": "gzip, br",
                "connection": "keep-alive, x-hop",
                "x-hop": "1",
                "cookie": "session=secret",
                "x-forwarded-for": "10.0.0.1",
                "x-spendstream-user": "ada",
            },
        )
        headers = upstream.only_request.headers
        assert (headers["openai-beta"], headers["user-agent"], headers["accept"]) == (
            "assistants=v2",
            "mine/1",
            "text/x",
        )
        assert headers["accept-encoding"] == "identity"
        assert headers["content-type"] == "application/json"
        assert not {"cookie", "x-hop", "x-forwarded-for", "x-spendstream-user"} & headers.keys()
        assert headers["host"] == urlsplit(upstream.url).netloc
        assert gateway.only_call().call.who.user == "ada"


def test_answer_headers_that_pass_and_that_do_not(tmp_path: Path) -> None:
    sent = (
        "content-type: application/json\r\nx-request-id: req_1\r\nDate: Tue, 24 Nov 2026 11:00:00 GMT\r\n"
        "x-ratelimit-remaining-tokens: 7\r\nserver: them\r\nset-cookie: a=b\r\nalt-svc: h3=x\r\nkeep-alive: timeout=1\r\n"
    )
    with setting(tmp_path, answer(b"{}", headers=sent)) as (gateway, _):
        _, headers, _ = ask(gateway)
        assert headers["x-request-id"] == "req_1"
        assert headers["x-ratelimit-remaining-tokens"] == "7"
        assert headers["date"] == "Tue, 24 Nov 2026 11:00:00 GMT"
        assert headers["server"] == "them"
        assert not {"set-cookie", "alt-svc", "keep-alive"} & headers.keys()


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "529 Overloaded"]
)
def test_a_providers_error_passes_and_costs_nothing(tmp_path: Path, status: str) -> None:
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}'
    headers = "content-type: application/json\r\nretry-after: 3\r\nx-should-retry: true\r\n"
    with setting(tmp_path, answer(error, status, headers)) as (gateway, _):
        got, back, content = ask(gateway, "/anthropic/v1/messages")
        assert (got, content) == (int(status[:3]), error)
        assert (back["retry-after"], back["x-should-retry"]) == ("3", "true")
        finished = gateway.only_call()
        assert (finished.outcome, finished.http_status) == ("error", int(status[:3]))
        assert finished.usage is None
        assert finished.error_type == "overloaded_error"


def test_a_redirect_is_the_callers_to_follow(tmp_path: Path) -> None:
    with setting(tmp_path, answer(b"", "307 Temporary Redirect", "location: /elsewhere\r\n")) as (
        gateway,
        upstream,
    ):
        status, headers, _ = ask(gateway)
        assert (status, headers["location"]) == (307, "/elsewhere")
        assert len(upstream.sent) == 1
        finished = gateway.only_call()
        assert (finished.outcome, finished.usage) == ("error", None)


@pytest.mark.parametrize("text", ["grüße", "\N{SNOWMAN}"])
def test_header_values_beyond_ascii_arrive_as_they_came(tmp_path: Path, text: str) -> None:
    as_bytes = text.encode().decode("latin-1")  # http.client writes latin-1
    with setting(tmp_path, answer(b"{}")) as (gateway, upstream):
        ask(gateway, headers={"x-title": as_bytes})
        assert upstream.only_request.headers["x-title"] == as_bytes


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("play", "body", "sent"),
    [
        (answer(b'{"x":' + DEEP + b"}"), BODY, b'{"x":' + DEEP + b"}"),
        (answer(DEEP, "400 Bad Request"), BODY, DEEP),
        (
            stream([b"data: " + DEEP + b"\n\n", EVENTS[1]]),
            STREAM_BODY,
            b"data: " + DEEP + b"\n\n" + EVENTS[1],
        ),
    ],
    ids=["whole", "error", "stream"],
)
def test_an_answer_too_deep_to_be_read_passes_all_the_same(
    tmp_path: Path, play: Play, body: bytes, sent: bytes
) -> None:
    with setting(tmp_path, play) as (gateway, _):
        status, _, content = ask(gateway, body=body)
        assert content == sent
        assert gateway.only_call().http_status == status


def test_the_usage_chunk_is_asked_for_and_withheld(tmp_path: Path) -> None:
    with setting(tmp_path, stream(EVENTS)) as (gateway, upstream):
        _, _, content = ask(gateway, body=STREAM_BODY)
        assert content == EVENTS[0] + EVENTS[1] + EVENTS[3]
        spliced = upstream.only_request.body
        assert spliced == b'{"stream_options":{"include_usage":true},' + STREAM_BODY[1:]
        finished = gateway.only_call()
        assert finished.usage is not None
        assert (finished.usage.input_tokens, finished.usage.output_tokens) == (5, 6)
        assert (finished.outcome, finished.response_model) == ("ok", "m-1")


def test_a_usage_chunk_that_was_asked_for_passes(tmp_path: Path) -> None:
    body = b'{"stream":true,"stream_options":{"include_usage":true},"model":"gpt-4o"}'
    with setting(tmp_path, stream(EVENTS)) as (gateway, upstream):
        _, _, content = ask(gateway, body=body)
        assert content == b"".join(EVENTS)
        assert upstream.only_request.body == body


def test_other_stream_options_stay(tmp_path: Path) -> None:
    body = b'{"stream":true,"stream_options": {"include_obfuscation":false} ,"model":"gpt-4o"}'
    with setting(tmp_path, stream(EVENTS)) as (gateway, upstream):
        _, _, content = ask(gateway, body=body)
        assert content == EVENTS[0] + EVENTS[1] + EVENTS[3]
        options = json.loads(upstream.only_request.body)["stream_options"]
        assert options == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize("cut", [1, 7, 40, 1000])
def test_events_cut_anywhere_come_out_whole(tmp_path: Path, cut: int) -> None:
    whole = b"".join(EVENTS)
    pieces = [whole[at : at + cut] for at in range(0, len(whole), cut)]
    with setting(tmp_path, stream(pieces)) as (gateway, _):
        _, _, content = ask(gateway, body=STREAM_BODY)
        assert content == EVENTS[0] + EVENTS[1] + EVENTS[3]
        finished = gateway.only_call()
        assert finished.usage is not None
        assert finished.usage.output_tokens == 6


def test_mistral_is_not_asked_for_what_it_would_refuse(tmp_path: Path) -> None:
    with setting(tmp_path, stream(EVENTS)) as (gateway, upstream):
        _, _, content = ask(gateway, "/mistral/v1/chat/completions", STREAM_BODY)
        assert upstream.only_request.body == STREAM_BODY
        assert content == b"".join(EVENTS)


def test_geminis_stream_without_events_passes_and_is_read(tmp_path: Path) -> None:
    whole = (
        b'[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":{"promptTokenCount":5}}\n,\r\n'
        b'{"candidates":[{"finishReason":"STOP"}],"modelVersion":"g-1","usageMetadata":{"promptTokenCount":5,'
        b'"candidatesTokenCount":6,"thoughtsTokenCount":2}}\n]\n'
    )
    with setting(tmp_path, answer(whole)) as (gateway, _):
        _, _, content = ask(gateway, "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent")
        assert content == whole
        finished = gateway.only_call()
        assert finished.call.is_stream
        assert finished.usage is not None
        assert (
            finished.usage.input_tokens,
            finished.usage.output_tokens,
            finished.usage.reasoning_tokens,
        ) == (5, 8, 2)


def test_an_answer_that_is_encoded_nevertheless_passes_and_is_read(tmp_path: Path) -> None:
    zipped = gzip.compress(REPLY)
    headers = "content-type: application/json\r\ncontent-encoding: gzip\r\n"
    with setting(tmp_path, answer(zipped, headers=headers)) as (gateway, _):
        _, back, content = ask(gateway)
        assert (content, back["content-encoding"]) == (zipped, "gzip")
        finished = gateway.only_call()
        assert finished.usage is not None
        assert finished.usage.output_tokens == 4


def test_a_model_prefix_is_cut_off_and_nothing_else(tmp_path: Path) -> None:
    body = (
        b'{"messages":[{"content":"\\"model\\": \\"anthropic/claude-x\\""}],"model": "anthropic/claude-x" }'
    )
    with setting(tmp_path, answer(REPLY)) as (gateway, upstream):
        ask(gateway, "/v1/chat/completions", body)
        request = upstream.only_request
        assert request.body == body.removesuffix(b'"anthropic/claude-x" }') + b'"claude-x" }'
        assert request.line.split()[1] == "/anthropic/v1/chat/completions"
        assert gateway.only_call().call.model == "claude-x"


def test_audio_and_uploads_pass_unread(tmp_path: Path) -> None:
    form = b"--x\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--x--\r\n"
    sound = bytes(range(256)) * 500
    with setting(tmp_path, answer(sound, headers="content-type: audio/mpeg\r\n")) as (gateway, upstream):
        status, _, content = ask(
            gateway,
            "/openai/v1/audio/transcriptions",
            form,
            {"content-type": "multipart/form-data; boundary=x"},
        )
        assert (status, content) == (200, sound)
        assert upstream.only_request.body == form
        finished = gateway.only_call()
        assert finished.outcome == "ok"
        assert (finished.call.operation, finished.call.model, finished.usage) == (
            "transcription",
            "whisper-1",
            None,
        )


def test_a_large_body_passes_whole(tmp_path: Path) -> None:
    body = json.dumps({"model": "gpt-4o", "input": "x" * 3_000_000}).encode()
    with setting(tmp_path, answer(REPLY)) as (gateway, upstream):
        status, _, _ = ask(gateway, "/openai/v1/embeddings", body)
        assert status == 200
        assert upstream.only_request.body == body
