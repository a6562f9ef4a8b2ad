"""The gateway's settings, read once from a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.environ import Environ
from ingest.errors import InvalidSetting

MIB = 1024 * 1024

# Provider -> (its own address without the version, the variable with its credential).
_PROVIDERS = {
    "openai": ("https://api.openai.com", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "mistral": ("https://api.mistral.ai", "MISTRAL_API_KEY"),
    "gemini": ("https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
}


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Where a provider is, and what we show it. An empty credential: calls go out without one."""

    base_url: str
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Everything that the gateway can be told."""

    home: Path
    kafka: str
    upstreams: Mapping[str, UpstreamSettings]
    """By provider name."""
    host: str = "127.0.0.1"
    port: int = 8080
    max_body_bytes: int = 32 * MIB
    upstream_timeout_s: float = 600.0
    """The longest that a provider may stay silent, before its answer or within it."""
    upstream_connect_timeout_s: float = 10.0
    spool_max_bytes: int = 1024 * MIB
    admin_token: str = field(default="", repr=False)
    """Empty: made once and kept under `home`."""


def read_settings(environ: Environ) -> GatewaySettings:
    """Raises InvalidSetting, naming the variable, for a value that cannot be used."""
    return GatewaySettings(
        home=environ.home(),
        kafka=environ.kafka(),
        upstreams={name: _upstream(environ, name) for name in _PROVIDERS},
        host=environ.text("SPENDSTREAM_HOST", "127.0.0.1"),
        port=environ.port("SPENDSTREAM_GATEWAY_PORT", 8080),
        max_body_bytes=environ.integer("SPENDSTREAM_MAX_BODY_BYTES", 32 * MIB, least=1024),
        upstream_timeout_s=environ.seconds("SPENDSTREAM_UPSTREAM_TIMEOUT", 600.0),
        upstream_connect_timeout_s=environ.seconds("SPENDSTREAM_UPSTREAM_CONNECT_TIMEOUT", 10.0),
        spool_max_bytes=environ.integer("SPENDSTREAM_SPOOL_MAX_BYTES", 1024 * MIB, least=MIB),
        admin_token=environ.text("SPENDSTREAM_ADMIN_TOKEN"),
    )


def _upstream(environ: Environ, provider: str) -> UpstreamSettings:
    default, credential = _PROVIDERS[provider]
    variable = f"SPENDSTREAM_UPSTREAM_{provider.upper()}"
    base_url = environ.text(variable, default).rstrip("/")
    if not base_url.startswith(("http://", "https://")) or "?" in base_url or "#" in base_url:
        raise InvalidSetting(f"{variable} is {base_url!r}; it must be an address such as {default}")
    return UpstreamSettings(base_url, environ.text(credential))
