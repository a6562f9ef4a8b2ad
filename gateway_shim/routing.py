"""From a path, and for `/v1` a model, to a provider and its own path.

`/openai/v1/…` is OpenAI's `/v1/…`, and so for the others. `/v1/…` speaks the OpenAI format and goes to the provider of
the model: by `provider/model`, else by how the name begins, else to OpenAI.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from gateway_shim.formats.answer import Format
from gateway_shim.providers.anthropic import ANTHROPIC
from gateway_shim.providers.gemini import GEMINI
from gateway_shim.providers.mistral import MISTRAL
from gateway_shim.providers.openai import OPENAI
from gateway_shim.providers.provider import Provider

PROVIDERS = (OPENAI, ANTHROPIC, MISTRAL, GEMINI)
_BY_NAME = {name: provider for provider in PROVIDERS for name in (provider.name, *provider.aliases)}
_BY_FOLDER = {provider.name: provider for provider in PROVIDERS}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes."""

    provider: Provider
    path: str
    """At the provider, percent-encoded as it came."""
    format: Format


@dataclass(frozen=True, slots=True)
class Route:
    """A path that is ours to forward. `target` None: the model decides; `rest` is then the path below `/v1`."""

    speaker: Provider
    """Whose error shape the caller expects."""
    target: Target | None
    rest: str = ""


@lru_cache(maxsize=4096)
def find_route(raw_path: bytes) -> Route | None:
    """The route of a request's path, or None for one that is not a provider's."""
    path = raw_path.decode("latin-1")
    first, _, below = path[1:].partition("/")
    if first == "v1" and below:
        return Route(OPENAI, None, f"/{below}")
    provider = _BY_FOLDER.get(first)
    if provider is None or below.partition("/")[0] not in provider.versions or "/" not in below:
        return None
    return Route(provider, target_at(provider, f"/{below}"))


def route_by_model(route: Route, model: str) -> tuple[Target, str]:
    """The target of a `/v1` call for `model`, and the model's name at that provider."""
    named, slash, rest = model.partition("/")
    if slash and rest and named in _BY_NAME:
        return _compatible(_BY_NAME[named], route.rest), rest
    for provider in PROVIDERS:
        if model.startswith(provider.model_prefixes):
            return _compatible(provider, route.rest), model
    return _compatible(OPENAI, route.rest), model


@lru_cache(maxsize=4096)
def target_at(provider: Provider, path: str) -> Target:
    """The provider's API behind `path`, however that is percent-encoded."""
    return Target(provider, path, provider.format_of(unquote(path)))


def _compatible(provider: Provider, rest: str) -> Target:
    return target_at(provider, provider.openai_base + rest)
