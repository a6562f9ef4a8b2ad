"""Golden cases: what a call costs, worked out by hand in a comment from the published prices, for every shape of price.

Prices are USD for 1,000,000 tokens unless said otherwise, as they held at the time of the call.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from ingest.events.costs import CallCost
from ingest.pricing.book import GenaiPriceBook
from ingest.usage import TokenUsage
from streams.costing import cost_call
from tests.builders import a_call_costed

BOOK = GenaiPriceBook()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def cost(provider: str, model: str, usage: TokenUsage, tier: str = "", at: datetime = NOW) -> CallCost:
    call = a_call_costed(provider=provider, model=model, started_at=at).finished
    call = msgspec.structs.replace(call, usage=usage, response_model=model, service_tier=tier)
    found = cost_call(call, BOOK).cost
    assert found.is_priced, found.unpriced_because
    assert found.price_version == BOOK.version
    assert found.cost_usd == found.input_cost_usd + found.cache_cost_usd + found.output_cost_usd
    return found


def lines(found: CallCost) -> dict[str, tuple[int, str]]:
    return {line.token_class: (line.quantity, f"{line.cost_usd.normalize():f}") for line in found.components}


def test_openai_cached_input_and_reasoning() -> None:
    # gpt-5: input 1.25, cached 0.125, output 10 (reasoning is output).
    # 86 x 1.25 + 1,920 x 0.125 + 300 x 10 = 107.5 + 240 + 3,000 = 3,347.5 millionths
    usage = TokenUsage(input_tokens=2006, cache_read_tokens=1920, output_tokens=300, reasoning_tokens=256)
    found = cost("openai", "gpt-5-2025-08-07", usage)
    assert found.cost_usd == Decimal("0.0033475")
    assert found.cache_cost_usd == Decimal("0.00024")
    assert lines(found) == {
        "input": (86, "0.0001075"),
        "cache_read": (1920, "0.00024"),
        "output": (300, "0.003"),
    }


def test_openai_audio_in_and_out() -> None:
    # gpt-audio: text 2.5 and 10, audio 32 and 64.
    # 600 x 2.5 + 400 x 32 + 200 x 10 + 300 x 64 = 1,500 + 12,800 + 2,000 + 19,200 = 35,500 millionths
    usage = TokenUsage(input_tokens=1000, audio_input_tokens=400, output_tokens=500, audio_output_tokens=300)
    assert cost("openai", "gpt-audio", usage).cost_usd == Decimal("0.0355")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        # gemini-2.5-pro: up to 200,000 tokens of input 1.25 and 10; above it 2.5 and 15, for the whole call.
        # 200,000 x 1.25 + 1,000 x 10 = 250,000 + 10,000 millionths
        (200_000, "0.26"),
        # 200,001 x 2.5 + 1,000 x 15 = 500,002.5 + 15,000 millionths
        (200_001, "0.5150025"),
    ],
)
def test_a_long_input_puts_the_whole_call_into_the_higher_tier(tokens: int, expected: str) -> None:
    usage = TokenUsage(input_tokens=tokens, output_tokens=1000)
    assert cost("gemini", "gemini-2.5-pro", usage).cost_usd == Decimal(expected)


def test_cached_tokens_count_towards_the_length() -> None:
    # claude-sonnet-4-5 above 200,000: input 6, cache read 0.6, output 22.5.
    # 150,000 cached + 50,001 not: 150,000 x 0.6 + 50,001 x 6 + 100 x 22.5 = 90,000 + 300,006 + 2,250 millionths
    usage = TokenUsage(input_tokens=200_001, cache_read_tokens=150_000, output_tokens=100)
    assert cost("anthropic", "claude-sonnet-4-5-20250929", usage).cost_usd == Decimal("0.392256")


def test_a_tier_by_length_can_end_on_a_day() -> None:
    # claude-sonnet-4-6 has no higher price for long input from 2026-03-13 on (200,001 x 6 before, x 3 after).
    usage = TokenUsage(input_tokens=200_001)
    last = datetime(2026, 3, 12, 23, 59, 59, 999999, tzinfo=UTC)
    assert cost("anthropic", "claude-sonnet-4-6", usage, at=last).cost_usd == Decimal("1.200006")
    first = datetime(2026, 3, 13, tzinfo=UTC)
    assert cost("anthropic", "claude-sonnet-4-6", usage, at=first).cost_usd == Decimal("0.600003")


def test_anthropic_cache_writes_of_both_kinds_and_web_search() -> None:
    # claude-sonnet-4-6: input 3, cache read 0.3, write for 5 minutes 3.75, for 1 hour 6, output 15; search $10 for 1,000.
    # Reported: input_tokens 2,048, cache_read 1,800, cache_creation 248 (148 + 100), output 503, 2 searches.
    # 2,048 x 3 + 1,800 x 0.3 + 148 x 3.75 + 100 x 6 + 503 x 15 = 6,144 + 540 + 555 + 600 + 7,545 = 15,384 millionths
    # and 2 x 0.01 = 0.02
    usage = TokenUsage(
        input_tokens=2048 + 1800 + 248,
        cache_read_tokens=1800,
        cache_write_tokens=248,
        cache_write_1h_tokens=100,
        output_tokens=503,
        web_searches=2,
    )
    found = cost("anthropic", "claude-sonnet-4-6", usage)
    assert found.cost_usd == Decimal("0.035384")
    assert found.cache_cost_usd == Decimal("0.001695")
    assert found.input_cost_usd == Decimal("0.006144") + Decimal("0.02")


def test_gemini_thoughts_and_audio() -> None:
    # gemini-2.5-flash: text 0.3, audio 1, cached text 0.03, cached audio 0.1, output 2.5 (thoughts are output).
    # Prompt 1,500 of which 500 audio; cached 600 of which 200 audio; candidates 300, thoughts 700.
    # Text 600 x 0.3 + audio 300 x 1 + cached text 400 x 0.03 + cached audio 200 x 0.1 + 1,000 x 2.5
    # = 180 + 300 + 12 + 20 + 2,500 = 3,012 millionths
    usage = TokenUsage(
        input_tokens=1500,
        audio_input_tokens=500,
        cache_read_tokens=600,
        audio_cache_read_tokens=200,
        output_tokens=1000,
        reasoning_tokens=700,
    )
    found = cost("gemini", "gemini-2.5-flash", usage)
    assert found.cost_usd == Decimal("0.003012")
    assert found.cache_cost_usd == Decimal("0.000032")


@pytest.mark.parametrize(
    ("provider", "model", "tier", "expected"),
    [
        # 1,000 x 2.5 + 500 x 10 = 7,500 millionths; half of it in a batch.
        ("openai", "gpt-4o-2024-08-06", "", "0.0075"),
        ("openai", "gpt-4o-2024-08-06", "batch", "0.00375"),
        # Priority: 4.25 and 17. 4,250 + 8,500
        ("openai", "gpt-4o-2024-08-06", "priority", "0.01275"),
        # A tier without a price of its own, and the standard one by name, are billed at the standard price.
        ("openai", "gpt-4o-2024-08-06", "default", "0.0075"),
        # gpt-5: 1.25 and 10; flex is half: 0.625 and 5. 625 + 2,500
        ("openai", "gpt-5", "flex", "0.003125"),
        # Priority 2.5 and 20: 2,500 + 10,000
        ("openai", "gpt-5", "priority", "0.0125"),
        # claude-opus-5: 5 and 25 (5,000 + 12,500); fast 10 and 50; batch 2.5 and 12.5
        ("anthropic", "claude-opus-5", "standard", "0.0175"),
        ("anthropic", "claude-opus-5", "fast", "0.035"),
        ("anthropic", "claude-opus-5", "batch", "0.00875"),
        # Azure: gpt-4.1 2 and 8 (2,000 + 4,000); priority 3.5 and 14; batch half
        ("azure", "gpt-4.1", "", "0.006"),
        ("azure", "gpt-4.1", "priority", "0.0105"),
        ("azure", "gpt-4.1", "batch", "0.003"),
        # mistral-large-2512: 0.5 and 1.5 (500 + 750); batch half
        ("mistral", "mistral-large-2512", "batch", "0.000625"),
    ],
)
def test_service_tiers(provider: str, model: str, tier: str, expected: str) -> None:
    """field-pain: service tiers priced as standard. The tier is that of the answer."""
    usage = TokenUsage(input_tokens=1000, output_tokens=500)
    assert cost(provider, model, usage, tier).cost_usd == Decimal(expected)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # deepseek-v4-flash: 0.15 and 0.6; from 01:00 to 04:00 and from 06:00 to 10:00 UTC 0.3 and 1.2.
        # 1,000,000 in and out: 0.75 or 1.5
        (datetime(2026, 11, 24, 0, 59, 59, 999999, tzinfo=UTC), "0.75"),
        (datetime(2026, 11, 24, 1, tzinfo=UTC), "1.5"),
        (datetime(2026, 11, 24, 3, 59, 59, 999999, tzinfo=UTC), "1.5"),
        (datetime(2026, 11, 24, 4, tzinfo=UTC), "0.75"),
        (datetime(2026, 11, 24, 9, 59, tzinfo=UTC), "1.5"),
        (datetime(2026, 11, 24, 10, tzinfo=UTC), "0.75"),
    ],
)
def test_deepseek_by_the_time_of_day(at: datetime, expected: str) -> None:
    usage = TokenUsage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert cost("deepseek", "deepseek-v4-flash", usage, at=at).cost_usd == Decimal(expected)


def test_a_price_changes_at_midnight_utc() -> None:
    # gpt-5.6-sol: 5 and 30 until 2026-08-20, 4 and 20 from 2026-08-21 on. 1,000 in, 1,000 out: 0.035, then 0.024
    usage = TokenUsage(input_tokens=1000, output_tokens=1000)
    last = datetime(2026, 8, 20, 23, 59, 59, 999999, tzinfo=UTC)
    first = datetime(2026, 8, 21, tzinfo=UTC)
    assert cost("openai", "gpt-5.6-sol", usage, at=last).cost_usd == Decimal("0.035")
    assert cost("openai", "gpt-5.6-sol", usage, at=first).cost_usd == Decimal("0.024")
    assert cost("openai", "gpt-5.6-sol", usage, at=last).cost_usd == Decimal("0.035")


@pytest.mark.parametrize(
    ("provider", "model", "milliseconds", "expected"),
    [
        # whisper-1: $0.006 a minute. 61.5 s x 0.0001
        ("openai", "whisper-1", 61_500, "0.00615"),
        # Groq: $0.111 an hour, at least 10 s. 3 s: 10 / 3,600 x 0.111 = 0.000308333333…
        ("groq", "whisper-large-v3", 3_000, "0.000308333333"),
        # 10.8 s / 3,600 s x 0.111 = 0.003 x 0.111
        ("groq", "whisper-large-v3", 10_800, "0.000333"),
    ],
)
def test_audio_by_time(provider: str, model: str, milliseconds: int, expected: str) -> None:
    assert cost(provider, model, TokenUsage(audio_ms=milliseconds)).cost_usd == Decimal(expected)


def test_speech_by_characters() -> None:
    # tts-1: $15 for 1,000,000 characters. 1,234 x 0.000015; tts-1-hd twice that
    assert cost("openai", "tts-1", TokenUsage(characters=1234)).cost_usd == Decimal("0.01851")
    assert cost("openai", "tts-1-hd", TokenUsage(characters=1234)).cost_usd == Decimal("0.03702")


def test_images_by_tokens() -> None:
    # gpt-image-1: text 5, image in 10, image out 40. The image itself is not billed apart.
    # 50 x 5 + 200 x 10 + 1,056 x 40 = 250 + 2,000 + 42,240 = 44,490 millionths
    usage = TokenUsage(
        input_tokens=250, image_input_tokens=200, output_tokens=1056, image_output_tokens=1056, images=1
    )
    found = cost("openai", "gpt-image-1", usage)
    assert found.cost_usd == Decimal("0.04449")
    assert "image" not in lines(found)


def test_embeddings_have_no_output() -> None:
    # text-embedding-3-small: 0.02. 8 x 0.02 = 0.16 millionths
    found = cost("openai", "text-embedding-3-small", TokenUsage(input_tokens=8))
    assert found.cost_usd == Decimal("0.00000016")
    assert found.output_cost_usd == 0


def test_pages_that_are_read_and_annotated() -> None:
    # mistral-ocr-4-1: $4 for 1,000 pages, $5 for annotated ones. 6 x 0.004 + 4 x 0.005
    found = cost("mistral", "mistral-ocr-4-1", TokenUsage(pages=10, annotated_pages=4))
    assert found.cost_usd == Decimal("0.044")
    assert lines(found) == {"page": (6, "0.024"), "annotated_page": (4, "0.02")}


def test_perplexity_bills_the_request_or_citations_and_searches() -> None:
    # sonar: 1 and 1, and $12 for 1,000 requests. 100 + 50 millionths + 0.012
    usage = TokenUsage(input_tokens=100, output_tokens=50)
    assert cost("perplexity", "sonar", usage).cost_usd == Decimal("0.01215")
    # sonar-deep-research: 2, output 8, reasoning 3, citations 2, searches $5 for 1,000.
    # 33 x 2 + 1,000 x 8 + 70,000 x 3 + 20,000 x 2 = 66 + 8,000 + 210,000 + 40,000 millionths, and 18 x 0.005
    usage = TokenUsage(
        input_tokens=33,
        output_tokens=91_000,
        reasoning_tokens=70_000,
        citation_tokens=20_000,
        web_searches=18,
    )
    assert cost("perplexity", "sonar-deep-research", usage).cost_usd == Decimal("0.348066")


def test_fees_of_tools_that_only_the_supplement_has() -> None:
    # o3-mini: 1,000 x 1.1 millionths, 2 searches of files at 0.0025, a container at 0.0075 (5 of 20 minutes at $0.03)
    usage = TokenUsage(input_tokens=1000, file_searches=2, code_executions=1)
    assert cost("openai", "o3-mini", usage).cost_usd == Decimal("0.0136")


def test_a_model_that_the_list_gives_away_costs_nothing_and_says_so() -> None:
    found = cost("openai", "omni-moderation-latest", TokenUsage(input_tokens=12))
    assert found.cost_usd == 0
    assert lines(found) == {"input": (12, "0")}
