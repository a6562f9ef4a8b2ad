"""The models that the simulated providers list, and which dated version answers to an alias.

Any model name is served, listed or not: a self-hosted model behind one of these formats has a name of its own. Names and
versions are public ones, so that price lists know them.
"""

from __future__ import annotations

import re

OPENAI_VERSIONS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o3": "o3-2025-04-16",
    "o4-mini": "o4-mini-2025-04-16",
}
"""What OpenAI says in `model` when it is asked for an alias."""

ANTHROPIC_VERSIONS = {
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}

OPENAI_EMBEDDINGS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
"""Embedding models and their number of dimensions."""

MISTRAL_MODELS = (
    "codestral-latest",
    "magistral-medium-latest",
    "mistral-embed",
    "mistral-large-latest",
    "mistral-small-latest",
)
GEMINI_MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-embedding-001",
)

_REASONING = re.compile(r"o\d|gpt-[5-9](?!.*chat)|magistral|gemini-(2\.5|[3-9])(?!.*(lite|image|embedding))")


def reasons(model: str) -> bool:
    """Whether a model thinks before it answers, by its name: o3, gpt-5, magistral, gemini-2.5-pro."""
    return _REASONING.match(model) is not None
