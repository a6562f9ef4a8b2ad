"""Reading a request: the key, who calls, what is asked, where it goes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway_shim.attribution_headers import attribution
from gateway_shim.headers import first_values, sent_upstream
from gateway_shim.keys import PREFIX, new_key, presented_key, without_key
from gateway_shim.providers.gemini import GEMINI
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.request_reading import read_request
from gateway_shim.routing import find_route, route_by_model
from ingest.attribution import Attribution
from ingest.events.governance import KeyIssued


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({b"authorization": b"Bearer k"}, b"", b"k"),
        ({b"authorization": b"bearer  k "}, b"", b"k"),
        ({b"authorization": b"Basic k"}, b"", b""),
        ({b"x-api-key": b"k"}, b"", b"k"),
        ({b"x-goog-api-key": b"k"}, b"key=other", b"k"),
        ({}, b"alt=sse&key=k", b"k"),
        ({}, b"key=a%2Fb", b"a/b"),
        ({}, b"monkey=k", b""),
        ({}, b"", b""),
    ],
)
def test_where_a_key_may_stand(headers: dict[bytes, bytes], query: bytes, key: bytes) -> None:
    assert presented_key(headers, query) == key


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (b"key=k", b""),
        (b"alt=sse&key=k&x=%20", b"alt=sse&x=%20"),
        (b"monkey=k", b"monkey=k"),
        (b"k%65y=a&xkey=b", b"xkey=b"),
        (b"x=%6bey", b"x=%6bey"),
        (b"", b""),
        (b"key=a&key=b&c", b"c"),
    ],
)
def test_a_key_is_taken_out_of_the_query(query: bytes, rest: bytes) -> None:
    assert without_key(query) == rest


def test_keys_are_long_and_different() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 43 for key in keys)


KEY = KeyIssued("key-1", "hash", "search", datetime(2026, 11, 24, tzinfo=UTC))


def test_who_calls() -> None:
    headers = {
        b"x-spendstream-user": "Zoë".encode(),
        b"x-spendstream-project": b" p ",
        b"x-spendstream-tags": b'{"feature":"x"}',
    }
    assert attribution(KEY, headers) == Attribution(
        team="search", project="p", key_id="key-1", user="Zoë", tags={"feature": "x"}
    )
    assert attribution(KEY, {}) == Attribution(team="search", key_id="key-1")


@pytest.mark.parametrize("name", [b"x-spendstream-user", b"x-spendstream-project"])
@pytest.mark.parametrize("value", [b"\xff", b"x" * 201])
def test_a_header_that_cannot_be_used_is_named(name: bytes, value: bytes) -> None:
    with pytest.raises(Rejected, match=name.decode()) as caught:
        attribution(KEY, {name: value})
    assert caught.value.fault is Fault.BAD_HEADER


ROUTES = {
    b"/openai/v1/chat/completions": ("openai", "/v1/chat/completions", "chat"),
    b"/openai/v1/embeddings": ("openai", "/v1/embeddings", "embeddings"),
    b"/openai/v1/responses": ("openai", "/v1/responses", "chat"),
    b"/openai/v1/images/generations": ("openai", "/v1/images/generations", "images/generations"),
    b"/anthropic/v1/messages": ("anthropic", "/v1/messages", "chat"),
    b"/anthropic/v1/messages/count_tokens": ("anthropic", "/v1/messages/count_tokens", "count_tokens"),
    b"/mistral/v1/fim/completions": ("mistral", "/v1/fim/completions", "text_completion"),
    b"/gemini/v1beta/models/g:generateContent": (
        "gemini",
        "/v1beta/models/g:generateContent",
        "generate_content",
    ),
    b"/gemini/v1/models/g%3AstreamGenerateContent": (
        "gemini",
        "/v1/models/g%3AstreamGenerateContent",
        "generate_content",
    ),
    b"/gemini/v1beta/openai/chat/completions": ("gemini", "/v1beta/openai/chat/completions", "chat"),
}


@pytest.mark.parametrize("path", list(ROUTES))
def test_native_routes(path: bytes) -> None:
    provider, upstream, operation = ROUTES[path]
    route = find_route(path)
    assert route is not None
    assert route.target is not None
    assert route.speaker.name == route.target.provider.name == provider
    assert (route.target.path, route.target.format.operation) == (upstream, operation)


@pytest.mark.parametrize(
    "path",
    [b"/", b"/v1", b"/openai", b"/openai/v1", b"/openai/v2/x", b"/admin/keys", b"/openaix/v1/x", b"//v1/x"],
)
def test_paths_that_are_not_providers(path: bytes) -> None:
    assert find_route(path) is None


@pytest.mark.parametrize(
    ("model", "provider", "path", "name"),
    [
        ("gpt-4o", "openai", "/v1/chat/completions", "gpt-4o"),
        ("openai/gpt-4o", "openai", "/v1/chat/completions", "gpt-4o"),
        ("claude-haiku-4-5", "anthropic", "/v1/chat/completions", "claude-haiku-4-5"),
        ("anthropic/claude-x", "anthropic", "/v1/chat/completions", "claude-x"),
        ("codestral-latest", "mistral", "/v1/chat/completions", "codestral-latest"),
        ("gemini-2.5-pro", "gemini", "/v1beta/openai/chat/completions", "gemini-2.5-pro"),
        ("google/gemini-2.5-pro", "gemini", "/v1beta/openai/chat/completions", "gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "gemini", "/v1beta/openai/chat/completions", "models/gemini-2.5-pro"),
        ("meta/llama", "openai", "/v1/chat/completions", "meta/llama"),
        ("anthropic/", "openai", "/v1/chat/completions", "anthropic/"),
        ("", "openai", "/v1/chat/completions", ""),
    ],
)
def test_the_model_routes(model: str, provider: str, path: str, name: str) -> None:
    route = find_route(b"/v1/chat/completions")
    assert route is not None
    target, at_provider = route_by_model(route, model)
    assert (target.provider.name, target.path, at_provider) == (provider, path, name)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        ("/v1beta/tunedModels/mine:generateContent", "mine"),
        ("/v1beta/models/g%3AgenerateContent", "g"),
        ("/v1beta/openai/chat/completions", ""),
    ],
)
def test_geminis_model_stands_in_the_path(path: str, model: str) -> None:
    assert GEMINI.model_in_path(path) == model


@pytest.mark.parametrize(
    ("body", "model", "is_stream"),
    [
        (b'{"model":"m","stream":true}', "m", True),
        (b'{"stream":"yes","model":5}', "", False),
        (b'{"messages":[{"model":"no","stream":true}]}', "", False),
        (b"{}", "", False),
    ],
)
def test_what_is_asked(body: bytes, model: str, is_stream: bool) -> None:
    asked = read_request(body, None)
    assert (asked.model, asked.is_stream) == (model, is_stream)


def test_hop_by_hop_headers_and_keys_stay_here() -> None:
    headers = [
        (b"connection", b"close, X-Mine"),
        (b"x-mine", b"1"),
        (b"te", b"trailers"),
        (b"authorization", b"Bearer k"),
        (b"x-api-key", b"k"),
        (b"x-spendstream-tags", b"{}"),
        (b"anthropic-beta", b"a"),
        (b"anthropic-beta", b"b"),
    ]
    sent = sent_upstream(headers, ("x-api-key", "secret"))
    assert sorted(sent.items()) == [
        ("accept-encoding", "identity"),
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b"),
        ("x-api-key", "secret"),
    ]
    assert first_values(headers)[b"anthropic-beta"] == b"a"
    assert "x-api-key" not in sent_upstream(headers, None)


def test_a_percent_encoded_path_is_metered_as_what_it_is() -> None:
    plain, encoded = find_route(b"/openai/v1/chat/completions"), find_route(b"/openai/v1/chat%2Fcompletions")
    assert plain is not None
    assert plain.target is not None
    assert encoded is not None
    assert encoded.target is not None
    assert encoded.target.format is plain.target.format
    assert encoded.target.path == "/v1/chat%2Fcompletions"
