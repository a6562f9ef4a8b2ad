"""From a path, and for `/v1` a model, to a provider and its own path.

`/openai/v1/…` is OpenAI's `/v1/…`, and so for the others. `/v1/…` speaks the OpenAI format and goes to the provider of
the model: by `provider/model`, else by how the name begins, else to OpenAI. Which providers there are is a setting: the
four that have an address of their own, Azure and Bedrock once theirs is known, and servers by the operator's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from gateway_shim.formats.answer import Format
from gateway_shim.providers.anthropic import ANTHROPIC
from gateway_shim.providers.azure import AZURE
from gateway_shim.providers.bedrock import BEDROCK
from gateway_shim.providers.compatible import compatible_provider
from gateway_shim.providers.gemini import GEMINI
from gateway_shim.providers.mistral import MISTRAL
from gateway_shim.providers.openai import OPENAI
from gateway_shim.providers.provider import Provider
from gateway_shim.settings import UpstreamSettings

PROVIDERS = (OPENAI, ANTHROPIC, MISTRAL, GEMINI, AZURE, BEDROCK)
"""Those that are built in."""
_BUILT_IN = {provider.name: provider for provider in PROVIDERS}


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


class Routes:
    """The routes to the providers that have an upstream."""

    def __init__(self, upstreams: Mapping[str, UpstreamSettings]) -> None:
        self._by_folder = {name: _provider(name, upstream) for name, upstream in upstreams.items()}
        self._by_name = dict(self._by_folder)
        for provider in self._by_folder.values():
            for alias in provider.aliases:
                self._by_name.setdefault(alias, provider)
        self.find = lru_cache(maxsize=4096)(self._find)

    def _find(self, raw_path: bytes) -> Route | None:
        """The route of a request's path, or None for one that is not a provider's."""
        path = raw_path.decode("latin-1")
        first, _, below = path[1:].partition("/")
        if first == "v1" and below:
            return Route(OPENAI, None, f"/{below}")
        provider = self._by_folder.get(first)
        if provider is None or below.partition("/")[0] not in provider.versions or "/" not in below:
            return None
        return Route(provider, target_at(provider, provider.path_at(f"/{below}")))

    def by_model(self, route: Route, model: str) -> tuple[Target, str]:
        """The target of a `/v1` call for `model`, and the model's name at that provider."""
        named, slash, rest = model.partition("/")
        if slash and rest and named in self._by_name:
            return _compatible(self._by_name[named], route.rest), rest
        for provider in PROVIDERS:
            if provider.model_prefixes and model.startswith(provider.model_prefixes):
                return _compatible(provider, route.rest), model
        return _compatible(OPENAI, route.rest), model


def _provider(name: str, upstream: UpstreamSettings) -> Provider:
    return _BUILT_IN.get(name) or compatible_provider(name, upstream.base_path, upstream.takes_usage_option)


@lru_cache(maxsize=4096)
def target_at(provider: Provider, path: str) -> Target:
    """The provider's API behind `path`, however that is percent-encoded."""
    return Target(provider, path, provider.format_of(unquote(path)))


def _compatible(provider: Provider, rest: str) -> Target:
    return target_at(provider, provider.openai_base + rest)
