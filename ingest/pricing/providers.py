"""By which name the public price list knows a provider.

A provider's name in events is the gateway's: the folder of its path, and for a server named by a setting that name.
Public lists have names of their own for some of them (genai-prices, `prices/providers/*.yml`, the `id` of each).
"""

from __future__ import annotations

_PRICE_NAMES = {
    "bedrock": "aws",
    "fireworks-ai": "fireworks",
    "gemini": "google",
    "kimi": "moonshotai",
    "moonshot": "moonshotai",
    "together-ai": "together",
    "togetherai": "together",
    "vertex": "google",
    "xai": "x-ai",
    "z-ai": "zai",
    "zhipu": "zhipuai",
}


def price_name(provider: str) -> str:
    """The price list's name of a provider: its own, where nothing else is known."""
    return _PRICE_NAMES.get(provider, provider)
