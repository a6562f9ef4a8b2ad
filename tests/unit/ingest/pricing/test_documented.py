"""docs/pricing.md names every class, with its part of the cost, and every kind of gap that the supplement fills."""

from __future__ import annotations

from pathlib import Path

from ingest.pricing.classes import CLASSES
from ingest.pricing.genai import CLASS_OF_PRICE
from ingest.pricing.supplement import shipped_entries

PAGE = (Path(__file__).parents[4] / "docs" / "pricing.md").read_text()
ROWS = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}


def test_every_class_stands_in_the_table() -> None:
    for found in CLASSES:
        row = ROWS[found.name]
        assert f"| {found.group} |" in row
        assert found.counts in row
        for key, token_class in CLASS_OF_PRICE.items():
            assert (f"`{key}`" in row) == (token_class == found.name)


def test_every_tier_of_the_supplement_is_named() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    for tier in {entry.tier for entry in shipped_entries()} - {""}:
        assert any(line.startswith(f"| {tier} |") for line in rows), tier
