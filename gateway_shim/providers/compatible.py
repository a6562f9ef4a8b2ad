"""A server that speaks OpenAI's format, named by a setting: vLLM, Ollama, Groq, DeepSeek, OpenRouter and the like."""

from __future__ import annotations

from gateway_shim.formats.answer import Format
from gateway_shim.formats.openai_compatible import compatible_formats
from gateway_shim.providers.openai import error_body, format_below
from gateway_shim.providers.provider import Provider, bearer
from ingest.pricing.providers import price_name


def compatible_provider(name: str, base_path: str, takes_usage_option: bool) -> Provider:
    """The provider whose `/v1` is at `base_path` of the server; callers write `/<name>/v1/…` whatever that is."""
    formats = compatible_formats(price_name(name), takes_usage_option)

    def format_of(path: str) -> Format:
        below = path.removeprefix(base_path)
        return formats.get(below) or format_below(below)

    return Provider(
        name=name,
        versions=("v1",),
        format_of=format_of,
        credential_header=bearer,
        error_body=error_body,
        openai_base=base_path,
        model_prefixes=(),
        path_at=lambda path: base_path + path.removeprefix("/v1"),
    )
