"""Where genai-prices says that the counts of a provider's API stand."""

from __future__ import annotations

from genai_prices import data_snapshot
from genai_prices.types import UsageExtractor


def extractor_of(provider_id: str, flavor: str) -> UsageExtractor:
    """genai-prices' definition. Raises LookupError if it has none."""
    found = _find_extractor(provider_id, flavor)
    if found is None:
        raise LookupError(f"genai-prices has no extractor {flavor} of {provider_id}")
    return found


def has_extractor(provider_id: str, flavor: str, input_name: str) -> bool:
    """Whether genai-prices says where the counts of a provider's API stand, in a `usage` that has `input_name`."""
    found = _find_extractor(provider_id, flavor)
    return (
        found is not None
        and found.root == "usage"
        and any(mapping.path == input_name for mapping in found.mappings)
    )


def _find_extractor(provider_id: str, flavor: str) -> UsageExtractor | None:
    providers = data_snapshot.get_snapshot().providers
    provider = next((p for p in providers if p.id == provider_id), None)
    extractors = provider.extractors or () if provider else ()
    return next((e for e in extractors if e.api_flavor == flavor), None)
