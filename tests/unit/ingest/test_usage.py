from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from ingest.errors import InvalidUsage
from ingest.usage import _PARTS, TokenUsage, check_usage
from tests.strategies import usages


@given(usages())
def test_consistent_usage_passes_unchanged(usage: TokenUsage) -> None:
    assert check_usage(usage) is usage


@pytest.mark.parametrize(
    ("usage", "sentence"),
    [
        (TokenUsage(input_tokens=-1), "input_tokens is -1"),
        (
            TokenUsage(input_tokens=5, cache_read_tokens=6),
            r"cache_read_tokens \(6\) cannot exceed input_tokens \(5\)",
        ),
        (
            TokenUsage(output_tokens=5, reasoning_tokens=9),
            r"reasoning_tokens \(9\) cannot exceed output_tokens",
        ),
        (
            TokenUsage(input_tokens=5, cache_read_tokens=3, cache_write_tokens=3),
            r"cache_read_tokens \(3\) and cache_write_tokens \(3\) together",
        ),
    ],
)
def test_contradictions_name_both_counts(usage: TokenUsage, sentence: str) -> None:
    with pytest.raises(InvalidUsage, match=sentence):
        check_usage(usage)


@pytest.mark.parametrize(("part", "whole"), _PARTS)
def test_no_part_exceeds_its_whole(part: str, whole: str) -> None:
    """Whatever else is large enough: only this pair is wrong."""
    enough = TokenUsage(**dict.fromkeys(TokenUsage.__struct_fields__, 100))
    enough = msgspec.structs.replace(enough, input_tokens=200)
    assert check_usage(enough) is enough
    wrong = msgspec.structs.replace(enough, **{part: getattr(enough, whole) + 1})
    with pytest.raises(InvalidUsage, match=part):
        check_usage(wrong)


@pytest.mark.parametrize("name", TokenUsage.__struct_fields__)
def test_no_count_is_negative(name: str) -> None:
    with pytest.raises(InvalidUsage, match=f"{name} is -1"):
        check_usage(TokenUsage(**{name: -1}))
