"""Where a request goes: by its path, and on `/v1` by its model."""

from __future__ import annotations

import pytest

from gateway_shim.providers.azure import AZURE
from gateway_shim.providers.bedrock import BEDROCK
from gateway_shim.providers.gemini import GEMINI
from gateway_shim.routing import Routes
from gateway_shim.settings import read_settings
from ingest.environ import Environ

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


@pytest.mark.parametrize(
    ("path", "asks"),
    [
        (b"/openai/v1/chat/completions", True),
        (b"/groq/v1/chat/completions", True),
        (b"/perplexity/v1/chat/completions", False),
        (b"/mistral/v1/chat/completions", False),
        (b"/openai/v1/responses", False),
    ],
)
def test_whose_streams_are_asked_for_their_usage(path: bytes, asks: bool) -> None:
    route = ROUTING.find(path)
    assert route is not None
    assert route.target is not None
    assert route.target.format.wants_usage_option is asks


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
