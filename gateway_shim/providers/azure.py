"""Azure OpenAI: OpenAI's APIs below `/openai`, by deployment and `api-version`, or as `/openai/v1/…`; key in `api-key`.

A deployment's name is the operator's; the model is what the answer says. `stream_options` came with api-version
2024-09-01-preview; earlier ones refuse it (openai/openai-python#1469, Azure OpenAI API lifecycle, "API specs"), and
answers over one's own data (`data_sources`) have no usage chunk.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from gateway_shim.formats.answer import Format
from gateway_shim.providers.openai import error_body, format_below
from gateway_shim.providers.provider import Provider

_DEPLOYMENTS = "/openai/deployments/"
_FIRST_WITH_USAGE_OPTION = "2024-09-01"


def _below(path: str) -> str:
    """`/chat/completions` of any of Azure's ways to write it."""
    if path.startswith(_DEPLOYMENTS):
        return "/" + path[len(_DEPLOYMENTS) :].partition("/")[2]
    rest = path.removeprefix("/openai")
    return rest.removeprefix("/v1")


def _format_of(path: str) -> Format:
    return format_below(_below(path))


def _model_in_path(path: str) -> str:
    return path[len(_DEPLOYMENTS) :].partition("/")[0] if path.startswith(_DEPLOYMENTS) else ""


def _takes_usage_option(path: str, query: bytes) -> bool:
    if path.startswith("/openai/v1/"):
        return True
    version = dict(parse_qsl(query.decode("latin-1"))).get("api-version", "")
    return version[:10] >= _FIRST_WITH_USAGE_OPTION  # `preview`, `latest` and dates, which sort as texts


def _credential_header(_path: str, credential: str) -> tuple[str, str]:
    return "api-key", credential


AZURE = Provider(
    name="azure",
    versions=("openai",),
    format_of=_format_of,
    credential_header=_credential_header,
    error_body=error_body,
    openai_base="/openai/v1",
    model_prefixes=(),
    model_in_path=_model_in_path,
    takes_usage_option=_takes_usage_option,
)
