"""The gateway's settings, read once from a mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway_shim.aborting import DRAIN_LIMIT, DRAIN_S, AbortPolicy, read_rules
from gateway_shim.compatible_servers import place, read_options
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
# Those without an address that is everybody's: they are there once it is set. An example, and the credential.
_PLACED = {
    "azure": ("https://my-resource.openai.azure.com", "AZURE_OPENAI_API_KEY"),
    "bedrock": ("https://bedrock-runtime.us-east-1.amazonaws.com", "AWS_BEARER_TOKEN_BEDROCK"),
}
_ON_ABORT = "SPENDSTREAM_ON_ABORT"
_PREFIX = "SPENDSTREAM_UPSTREAM_"
_OPTIONS = "SPENDSTREAM_UPSTREAM_OPTIONS"
_NOT_NAMES = frozenset({"TIMEOUT", "CONNECT_TIMEOUT", "OPTIONS"})
_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_OUR_PATHS = frozenset({"v1", "admin", "docs", "health", "metrics", "openapi-json"})


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Where a provider is, and what we show it. An empty credential: calls go out without one."""

    base_url: str
    credential: str = field(default="", repr=False)
    base_path: str = "/v1"
    """Of a server that speaks OpenAI's format: where its API begins below `base_url`."""
    takes_usage_option: bool = True
    """Whether such a server takes `stream_options.include_usage`."""


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
    aborts: AbortPolicy = field(default_factory=AbortPolicy)
    """What becomes of calls whose callers leave."""
    vocabularies: Path | None = None
    """Where tiktoken's vocabularies are, or are brought to; None: tokens are estimated by length."""
    admin_token: str = field(default="", repr=False)
    """Empty: made once and kept under `home`."""


def read_settings(environ: Environ) -> GatewaySettings:
    """Raises InvalidSetting, naming the variable, for a value that cannot be used."""
    upstreams = _upstreams(environ)
    return GatewaySettings(
        home=environ.home(),
        kafka=environ.kafka(),
        upstreams=upstreams,
        host=environ.text("SPENDSTREAM_HOST", "127.0.0.1"),
        port=environ.port("SPENDSTREAM_GATEWAY_PORT", 8080),
        max_body_bytes=environ.integer("SPENDSTREAM_MAX_BODY_BYTES", 32 * MIB, least=1024),
        upstream_timeout_s=environ.seconds("SPENDSTREAM_UPSTREAM_TIMEOUT", 600.0),
        upstream_connect_timeout_s=environ.seconds("SPENDSTREAM_UPSTREAM_CONNECT_TIMEOUT", 10.0),
        spool_max_bytes=environ.integer("SPENDSTREAM_SPOOL_MAX_BYTES", 1024 * MIB, least=MIB),
        aborts=AbortPolicy(
            read_rules(environ.text(_ON_ABORT), _ON_ABORT, {*upstreams, *_PLACED}),
            environ.seconds("SPENDSTREAM_DRAIN_SECONDS", DRAIN_S),
            environ.integer("SPENDSTREAM_DRAIN_LIMIT", DRAIN_LIMIT),
        ),
        vocabularies=environ.cache() / "tiktoken",
        admin_token=environ.text("SPENDSTREAM_ADMIN_TOKEN"),
    )


def _upstreams(environ: Environ) -> dict[str, UpstreamSettings]:
    """The four built-in providers, those that an address was set for, and servers by names of the operator's own."""
    found = {
        name: UpstreamSettings(_address(environ, name, default), environ.text(credential))
        for name, (default, credential) in _PROVIDERS.items()
    }
    for name, (example, credential) in _PLACED.items():
        if environ.text(_PREFIX + name.upper()):
            found[name] = UpstreamSettings(_address(environ, name, "", example), environ.text(credential))
    options = read_options(environ.text(_OPTIONS), _OPTIONS)
    for word in environ.names(_PREFIX):
        name = word.lower().replace("_", "-")
        if word in _NOT_NAMES or name in found:
            continue
        if not _NAME.fullmatch(word) or name in _OUR_PATHS:
            raise InvalidSetting(
                f"{_PREFIX}{word} cannot be: calls to it would go to /{name}, which is taken"
            )
        address = _address(environ, word, "", "http://127.0.0.1:8000")
        base_url, base_path, takes_usage_option = place(name, address, options)
        found[name] = UpstreamSettings(
            base_url, environ.text(f"{word}_API_KEY"), base_path, takes_usage_option
        )
    for name in options:
        if name not in found or name in _PROVIDERS or name in _PLACED:
            raise InvalidSetting(
                f"{_OPTIONS} speaks of {name!r}, which is no server named by {_PREFIX}<NAME> of its own"
            )
    return found


def _address(environ: Environ, name: str, default: str, example: str = "") -> str:
    variable = _PREFIX + name.upper()
    address = environ.text(variable, default).rstrip("/")
    if not address.startswith(("http://", "https://")) or "?" in address or "#" in address:
        raise InvalidSetting(f"{variable} is {address!r}; it must be an address such as {default or example}")
    return address
