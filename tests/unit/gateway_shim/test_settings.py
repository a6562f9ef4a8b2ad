"""What the gateway can be told, and how it says that it was told nonsense."""

from __future__ import annotations

import pytest

from gateway_shim.settings import read_settings
from ingest.environ import Environ
from ingest.errors import InvalidSetting


def test_defaults() -> None:
    settings = read_settings(Environ({}))
    assert (settings.host, settings.port, settings.kafka) == ("127.0.0.1", 8080, "127.0.0.1:9092")
    assert settings.max_body_bytes == 32 * 1024 * 1024
    assert settings.spool_max_bytes == 1024**3
    assert (settings.upstream_timeout_s, settings.upstream_connect_timeout_s) == (600, 10)
    assert settings.upstreams["openai"].base_url == "https://api.openai.com"
    assert settings.upstreams["gemini"].base_url == "https://generativelanguage.googleapis.com"


def test_upstreams_and_credentials() -> None:
    settings = read_settings(
        Environ(
            {"SPENDSTREAM_UPSTREAM_MISTRAL": "http://127.0.0.1:9/mistral/", "MISTRAL_API_KEY": " secret "}
        )
    )
    assert settings.upstreams["mistral"].base_url == "http://127.0.0.1:9/mistral"
    assert settings.upstreams["mistral"].credential == "secret"


@pytest.mark.parametrize(
    ("name", "address", "base_url", "base_path"),
    [
        ("GROQ", "https://api.groq.com", "https://api.groq.com", "/openai/v1"),
        ("GROQ", "https://api.groq.com/openai/v1", "https://api.groq.com", "/openai/v1"),
        ("GROQ", "http://127.0.0.1:9/groq", "http://127.0.0.1:9", "/groq/v1"),
        ("VLLM", "http://127.0.0.1:8000", "http://127.0.0.1:8000", "/v1"),
        ("VLLM", "http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000", "/v1"),
        ("DEEPINFRA", "https://api.deepinfra.com/v1/openai", "https://api.deepinfra.com", "/v1/openai"),
        ("ZAI", "https://api.z.ai", "https://api.z.ai", "/api/paas/v4"),
    ],
)
def test_a_server_is_named_by_its_variable(name: str, address: str, base_url: str, base_path: str) -> None:
    settings = read_settings(Environ({f"SPENDSTREAM_UPSTREAM_{name}": address, f"{name}_API_KEY": "secret"}))
    upstream = settings.upstreams[name.lower()]
    assert (upstream.base_url, upstream.base_path, upstream.credential) == (base_url, base_path, "secret")
    assert upstream.takes_usage_option


def test_names_of_two_words_and_names_that_are_not_set() -> None:
    settings = read_settings(
        Environ({"SPENDSTREAM_UPSTREAM_MY_VLLM": "http://10.0.0.7:8000", "SPENDSTREAM_UPSTREAM_OLLAMA": " "})
    )
    assert set(settings.upstreams) == {"openai", "anthropic", "mistral", "gemini", "my-vllm"}


def test_azure_and_bedrock_are_there_once_they_have_an_address() -> None:
    settings = read_settings(
        Environ(
            {
                "SPENDSTREAM_UPSTREAM_AZURE": "https://mine.openai.azure.com/",
                "AZURE_OPENAI_API_KEY": "a",
                "SPENDSTREAM_UPSTREAM_BEDROCK": "https://bedrock-runtime.us-east-1.amazonaws.com",
                "AWS_BEARER_TOKEN_BEDROCK": "b",
            }
        )
    )
    azure, bedrock = settings.upstreams["azure"], settings.upstreams["bedrock"]
    assert (azure.base_url, azure.credential) == ("https://mine.openai.azure.com", "a")
    assert bedrock.credential == "b"


def test_options_stand_above_what_is_known() -> None:
    settings = read_settings(
        Environ(
            {
                "SPENDSTREAM_UPSTREAM_GROQ": "https://api.groq.com",
                "SPENDSTREAM_UPSTREAM_MINE": "http://10.0.0.7/llm",
                "SPENDSTREAM_UPSTREAM_OPTIONS": '{"groq":{"stream_options":false},"mine":{"path":"/api"}}',
            }
        )
    )
    groq, mine = settings.upstreams["groq"], settings.upstreams["mine"]
    assert (groq.base_path, groq.takes_usage_option) == ("/v1", False)
    assert (mine.base_url, mine.base_path, mine.takes_usage_option) == ("http://10.0.0.7/llm", "/api", True)


def test_secrets_are_not_shown() -> None:
    settings = read_settings(Environ({"OPENAI_API_KEY": "hidden-1", "SPENDSTREAM_ADMIN_TOKEN": "hidden-2"}))
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPENDSTREAM_UPSTREAM_OPENAI", "api.openai.com"),
        ("SPENDSTREAM_UPSTREAM_GEMINI", "https://x/?a=b"),
        ("SPENDSTREAM_UPSTREAM_GROQ", "api.groq.com"),
        ("SPENDSTREAM_UPSTREAM_AZURE", "mine"),
        ("SPENDSTREAM_UPSTREAM_ADMIN", "http://127.0.0.1:1"),
        ("SPENDSTREAM_UPSTREAM_my_vllm", "http://127.0.0.1:1"),
        ("SPENDSTREAM_UPSTREAM_OPTIONS", "[]"),
        ("SPENDSTREAM_UPSTREAM_OPTIONS", '{"nobody":{}}'),
        ("SPENDSTREAM_UPSTREAM_OPTIONS", '{"openai":{"path":"v1"}}'),
        ("SPENDSTREAM_UPSTREAM_OPTIONS", '{"openai":{"surprise":1}}'),
        ("SPENDSTREAM_MAX_BODY_BYTES", "10"),
        ("SPENDSTREAM_UPSTREAM_TIMEOUT", "0"),
        ("SPENDSTREAM_UPSTREAM_CONNECT_TIMEOUT", "soon"),
        ("SPENDSTREAM_SPOOL_MAX_BYTES", "1"),
        ("SPENDSTREAM_GATEWAY_PORT", "70000"),
    ],
)
def test_nonsense_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=name):
        read_settings(Environ({name: value}))
