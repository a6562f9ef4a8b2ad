from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.price_crosscheck import Compared, compare, report

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def found(name: str, litellm_provider: str, **prices: str) -> dict[str, Compared]:
    """As the map is read: numbers of JSON, to the last place."""
    numbers = ", ".join(f'"{key}": {amount}' for key, amount in prices.items())
    entry: dict[str, Any] = json.loads(f"{{{numbers}}}", parse_float=Decimal)
    compared = compare({name: {"litellm_provider": litellm_provider, **entry}}, AT)
    return {one.what: one for one in compared}


def test_equal_prices_are_equal_whatever_the_unit() -> None:
    """gpt-4o: $2.50, cached $1.25, in a batch $1.25; whisper-1 $0.006 a minute; tts-1 $15 for a million characters."""
    compared = found(
        "gpt-4o",
        "openai",
        input_cost_per_token="2.5e-06",
        cache_read_input_token_cost="1.25e-06",
        input_cost_per_token_batches="1.25e-06",
        max_tokens="16384",
    )
    assert set(compared) == {"input", "cache_read", "input, batch"}
    assert not any(one.differs for one in compared.values())
    assert not found("whisper-1", "openai", input_cost_per_second="0.0001")["audio"].differs
    assert not found("tts-1", "openai", input_cost_per_character="1.5e-05")["characters"].differs
    assert not found("mistral/mistral-ocr-4-1", "mistral", ocr_cost_per_page="4e-3")["page"].differs


def test_prices_of_long_input_are_compared_beyond_the_length() -> None:
    compared = found(
        "gemini/gemini-2.5-pro",
        "gemini",
        input_cost_per_token="1.25e-06",
        input_cost_per_token_above_200k_tokens="2.5e-06",
    )
    assert not compared["input"].differs
    assert compared["input, above 200k"].ours == Decimal("2.5")


def test_a_difference_is_one_beyond_a_thousandth() -> None:
    assert not found("gpt-4o", "openai", input_cost_per_token="2.501e-06")["input"].differs
    other = found("gpt-4o", "openai", input_cost_per_token="2.51e-06")["input"]
    assert other.differs
    assert other.ratio == "1.004"


def test_a_class_without_a_rate_is_compared_at_what_we_bill_it_at() -> None:
    """gpt-5 has no rate for reasoning: it is output, $10."""
    compared = found("gpt-5", "openai", output_cost_per_reasoning_token="3e-06")
    assert compared["reasoning"].ours == 10


def test_what_only_one_list_has_is_not_compared() -> None:
    assert found("gpt-4o", "some-host", input_cost_per_token="1") == {}
    assert found("nobody-knows-it", "openai", input_cost_per_token="1") == {}
    assert found("gpt-4o", "openai", output_cost_per_video_per_second="1", mode="1") == {}
    assert found("text-embedding-3-small", "openai", output_cost_per_token="0.0") == {}


def test_the_report_counts_and_lists() -> None:
    every = [
        Compared("openai", "a", "input", Decimal(1), Decimal(1)),
        Compared("openai", "a", "output", Decimal(2), Decimal(3)),
        Compared("openai", "a", "output", Decimal(2), Decimal(3)),
        Compared("aws", "b", "input", Decimal(1), Decimal("1.2")),
        Compared("aws", "c", "input", Decimal(2), Decimal("2.4")),
    ]
    text = report(every, "9.9", AT, ["aws"])
    assert "LiteLLM 9.9" in text
    assert "| openai | 2 | 1 | 1 | 1 |" in text
    assert "| all | 4 | 1 | 3 | 3 |" in text
    assert "| openai | a | output | 2 | 3 | 1.500 |" in text
    assert "| aws | 1.200 | 2 | 2 | b, input |" in text
    assert "| aws | b | input | 1 | 1.2 | 1.200 |" not in text
    assert "| aws | b | input | 1 | 1.2 | 1.200 |" in report(every, "9.9", AT)
