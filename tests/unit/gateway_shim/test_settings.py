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


def test_secrets_are_not_shown() -> None:
    settings = read_settings(Environ({"OPENAI_API_KEY": "hidden-1", "SPENDSTREAM_ADMIN_TOKEN": "hidden-2"}))
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPENDSTREAM_UPSTREAM_OPENAI", "api.openai.com"),
        ("SPENDSTREAM_UPSTREAM_GEMINI", "https://x/?a=b"),
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
