"""By which name the public price list knows a provider (genai-prices, the `id` of each provider).

A provider's name in events is the gateway's: the folder of its path, and for a server named by a setting that name;
importers and others may write OpenTelemetry's (semantic conventions, `gen_ai.provider.name`), the dotted ones.
"""

from __future__ import annotations

# Only whole names: a server of one's own that has "openai" in its name does not charge OpenAI's prices.
_PRICE_NAMES = {
    "amazon": "aws",
    "amazon-bedrock": "aws",
    "aws.bedrock": "aws",
    "azure-openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "bedrock": "aws",
    "fireworks-ai": "fireworks",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "kimi": "moonshotai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "together-ai": "together",
    "together_ai": "together",
    "togetherai": "together",
    "vertex": "google",
    "vertex_ai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z-ai": "zai",
    "zhipu": "zhipuai",
}


def price_name(provider: str) -> str:
    """The price list's name of a provider: its own, where nothing else is known."""
    name = provider.strip().lower()
    return _PRICE_NAMES.get(name, name)
