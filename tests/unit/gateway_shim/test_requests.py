"""Reading a request: the key, who calls, what is asked, where it goes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway_shim.attribution_headers import attribution
from gateway_shim.formats.forms import form_texts, replace_text
from gateway_shim.formats.openai_audio import OPENAI_TRANSCRIPTION
from gateway_shim.headers import first_values, sent_upstream
from gateway_shim.keys import PREFIX, new_key, presented_key, without_key
from gateway_shim.providers.azure import AZURE
from gateway_shim.providers.bedrock import BEDROCK
from gateway_shim.providers.gemini import GEMINI
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.request_reading import asked_tier, read_request
from gateway_shim.routing import Routes
from gateway_shim.settings import read_settings
from ingest.attribution import Attribution
from ingest.environ import Environ
from ingest.events.governance import KeyIssued

SIGNED = b"AWS4-HMAC-SHA256 Credential=sk-spend-k_1-2/20261124/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({b"authorization": b"Bearer k"}, b"", b"k"),
        ({b"authorization": b"bearer  k "}, b"", b"k"),
        ({b"authorization": b"Basic k"}, b"", b""),
        ({b"authorization": SIGNED}, b"", b"sk-spend-k_1-2"),
        ({b"x-api-key": b"k"}, b"", b"k"),
        ({b"x-goog-api-key": b"k"}, b"key=other", b"k"),
        ({b"api-key": b"k"}, b"", b"k"),
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


ROUTING = Routes(
    read_settings(
        Environ(
            {
                "SPENDSTREAM_UPSTREAM_AZURE": "https://mine.openai.azure.com/",
                "SPENDSTREAM_UPSTREAM_BEDROCK": "https://bedrock-runtime.eu-central-1.amazonaws.com",
                "SPENDSTREAM_UPSTREAM_GROQ": "https://api.groq.com",
                "SPENDSTREAM_UPSTREAM_MY_VLLM": "http://10.0.0.7:8000",
                "SPENDSTREAM_UPSTREAM_PERPLEXITY": "https://api.perplexity.ai",
            }
        )
    ).upstreams
)
ROUTES = {
    b"/openai/v1/chat/completions": ("openai", "/v1/chat/completions", "chat"),
    b"/openai/v1/embeddings": ("openai", "/v1/embeddings", "embeddings"),
    b"/openai/v1/responses": ("openai", "/v1/responses", "chat"),
    b"/openai/v1/images/generations": ("openai", "/v1/images/generations", "images"),
    b"/openai/v1/images/edits": ("openai", "/v1/images/edits", "images"),
    b"/openai/v1/audio/transcriptions": ("openai", "/v1/audio/transcriptions", "transcription"),
    b"/openai/v1/audio/translations": ("openai", "/v1/audio/translations", "translation"),
    b"/openai/v1/audio/speech": ("openai", "/v1/audio/speech", "speech"),
    b"/openai/v1/moderations": ("openai", "/v1/moderations", "moderations"),
    b"/openai/v1/files": ("openai", "/v1/files", "files"),
    b"/openai/v1/batches": ("openai", "/v1/batches", "batches"),
    b"/openai/v1/responses/r_1/cancel": ("openai", "/v1/responses/r_1/cancel", "responses/r_1/cancel"),
    b"/openai/v1/responses/input_tokens": ("openai", "/v1/responses/input_tokens", "count_tokens"),
    b"/anthropic/v1/messages/batches": ("anthropic", "/v1/messages/batches", "messages/batches"),
    b"/mistral/v1/ocr": ("mistral", "/v1/ocr", "ocr"),
    b"/mistral/v1/conversations": ("mistral", "/v1/conversations", "invoke_agent"),
    b"/mistral/v1/conversations/c_1": ("mistral", "/v1/conversations/c_1", "invoke_agent"),
    b"/azure/openai/deployments/mine/chat/completions": (
        "azure",
        "/openai/deployments/mine/chat/completions",
        "chat",
    ),
    b"/azure/openai/deployments/mine/embeddings": (
        "azure",
        "/openai/deployments/mine/embeddings",
        "embeddings",
    ),
    b"/azure/openai/responses": ("azure", "/openai/responses", "chat"),
    b"/azure/openai/v1/chat/completions": ("azure", "/openai/v1/chat/completions", "chat"),
    b"/azure/openai/v1/responses": ("azure", "/openai/v1/responses", "chat"),
    b"/bedrock/model/us.amazon.nova-lite-v1%3A0/converse": (
        "bedrock",
        "/model/us.amazon.nova-lite-v1%3A0/converse",
        "chat",
    ),
    b"/bedrock/openai/v1/chat/completions": ("bedrock", "/openai/v1/chat/completions", "chat"),
    b"/groq/v1/chat/completions": ("groq", "/openai/v1/chat/completions", "chat"),
    b"/my-vllm/v1/completions": ("my-vllm", "/v1/completions", "text_completion"),
    b"/perplexity/v1/chat/completions": ("perplexity", "/chat/completions", "chat"),
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
    route = ROUTING.find(path)
    assert route is not None
    assert route.target is not None
    assert route.speaker.name == route.target.provider.name == provider
    assert (route.target.path, route.target.format.operation) == (upstream, operation)


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/v1",
        b"/openai",
        b"/openai/v1",
        b"/openai/v2/x",
        b"/admin/keys",
        b"/openaix/v1/x",
        b"//v1/x",
        b"/together/v1/x",
    ],
)
def test_paths_that_are_not_providers(path: bytes) -> None:
    assert ROUTING.find(path) is None


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
        ("azure/my-gpt", "azure", "/openai/v1/chat/completions", "my-gpt"),
        ("bedrock/openai.gpt-oss-120b", "bedrock", "/openai/v1/chat/completions", "openai.gpt-oss-120b"),
        ("groq/llama-3.3-70b-versatile", "groq", "/openai/v1/chat/completions", "llama-3.3-70b-versatile"),
        ("my-vllm/org/model", "my-vllm", "/v1/chat/completions", "org/model"),
        ("together/org/model", "openai", "/v1/chat/completions", "together/org/model"),
        ("meta/llama", "openai", "/v1/chat/completions", "meta/llama"),
        ("anthropic/", "openai", "/v1/chat/completions", "anthropic/"),
        ("", "openai", "/v1/chat/completions", ""),
    ],
)
def test_the_model_routes(model: str, provider: str, path: str, name: str) -> None:
    route = ROUTING.find(b"/v1/chat/completions")
    assert route is not None
    target, at_provider = ROUTING.by_model(route, model)
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
    ("path", "model"),
    [
        (
            "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
            "anthropic.claude-3-5-haiku-20241022-v1:0",
        ),
        ("/model/us.amazon.nova-pro-v1:0/converse-stream", "us.amazon.nova-pro-v1:0"),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0/invoke",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
        ),
        ("/openai/v1/chat/completions", ""),
    ],
)
def test_bedrocks_model_stands_in_the_path(path: str, model: str) -> None:
    assert BEDROCK.model_in_path(path) == model


@pytest.mark.parametrize(
    ("path", "query", "takes"),
    [
        ("/openai/deployments/d/chat/completions", b"api-version=2024-10-21", True),
        ("/openai/deployments/d/chat/completions", b"a=b&api-version=2024-09-01-preview", True),
        ("/openai/deployments/d/chat/completions", b"api-version=2024-08-01-preview", False),
        ("/openai/deployments/d/chat/completions", b"api-version=2023-05-15", False),
        ("/openai/deployments/d/chat/completions", b"", False),
        ("/openai/v1/chat/completions", b"", True),
        ("/openai/v1/chat/completions", b"api-version=preview", True),
    ],
)
def test_azure_tells_a_streams_usage_from_a_version_on(path: str, query: bytes, takes: bool) -> None:
    assert AZURE.takes_usage_option(path, query) is takes


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nopenai/whisper-1\r\n'
    b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n'
    b'--B\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"\xff\x00\r\n--B but not the end\r\n--B--\r\n"
)


def test_what_a_form_asks() -> None:
    asked = read_request(FORM, OPENAI_TRANSCRIPTION)
    assert (asked.model, asked.is_stream, asked.body) == ("openai/whisper-1", True, {"n": 2})
    assert replace_text(FORM, "model", "w") == FORM.replace(b"openai/whisper-1", b"w")
    assert replace_text(FORM, "absent", "w") == FORM


@pytest.mark.parametrize("body", [b"", b"--", b"--B", b"--B\r\n", FORM[:60], FORM[:-40], b"no form at all"])
def test_a_form_that_breaks_off_is_read_as_far_as_it_goes(body: bytes) -> None:
    assert set(form_texts(body)) <= {"model", "n", "stream"}


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        (b'{"service_tier":"priority"}', "priority"),
        (b'{"serviceTier":"FLEX"}', "flex"),
        (b'{"serviceTier":{"type":"reserved"}}', "reserved"),
        (b'{"service_tier":"auto"}', ""),
        (b'{"service_tier":"standard_only"}', ""),
        (b'{"service_tier":7}', ""),
        (b"{}", ""),
    ],
)
def test_which_tier_is_asked_for(body: bytes, tier: str) -> None:
    assert asked_tier(read_request(body, None)) == tier


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
    plain, encoded = (
        ROUTING.find(b"/openai/v1/chat/completions"),
        ROUTING.find(b"/openai/v1/chat%2Fcompletions"),
    )
    assert plain is not None
    assert plain.target is not None
    assert encoded is not None
    assert encoded.target is not None
    assert encoded.target.format is plain.target.format
    assert encoded.target.path == "/v1/chat%2Fcompletions"
