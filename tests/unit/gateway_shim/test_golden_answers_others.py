"""The other providers' documented answers: what was used, and what that costs. The arithmetic stands beside each case.

Prices are USD for 1,000,000 tokens (genai-prices 0.2.3, November 2026), so tokens times price is millionths of a dollar.
"""

from __future__ import annotations

import pytest

from ingest.usage import TokenUsage
from tests.fixtures.golden_answers import Case, check, index
from tests.unit.gateway_shim import test_golden_answers, test_golden_fees

SONNET, OPUS, FLASH, SMALL, GROK = (
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-8",
    "gemini-2.5-flash",
    "mistral-small-latest",
    "grok-4-0709",
)
ASKED = TokenUsage(input_tokens=16, output_tokens=34)
HAIKU = TokenUsage(input_tokens=150, cache_read_tokens=50, output_tokens=25)

CASES = {
    # 2048 x 3 + 1800 x 0.3 + 148 x 3.75 + 100 x 6 + 503 x 15 = 6144 + 540 + 555 + 600 + 7545
    "anthropic/message.json": Case(
        usage=TokenUsage(
            input_tokens=4096,
            cache_read_tokens=1800,
            cache_write_tokens=248,
            cache_write_1h_tokens=100,
            output_tokens=503,
        ),
        cost="0.015384",
        model=SONNET,
        tier="standard",
    ),
    # fast mode is twice the price, whatever the tier: 523 x 8 + 1000 x 0.4 + 1842 x 40 = 4184 + 400 + 73680
    "anthropic/fast.json": Case(
        usage=TokenUsage(input_tokens=1523, cache_read_tokens=1000, output_tokens=1842),
        cost="0.078264",
        model="claude-opus-5-5",
        tier="fast",
    ),
    # the last count, not the sum: 10682 x 3 + 510 x 15 = 32046 + 7650; one search 0.01
    "anthropic/stream_web_search.sse": Case(
        usage=TokenUsage(input_tokens=10682, output_tokens=510, web_searches=1), cost="0.049696", model=SONNET
    ),
    # with the compaction: (23000 + 180000) x 5 + (1000 + 3500) x 25 = 1015000 + 112500
    "anthropic/compaction.json": Case(
        usage=TokenUsage(input_tokens=203_000, output_tokens=4500), cost="1.1275", model=OPUS
    ),
    # the attempt that answered: 412 x 5 + 264 x 25 = 2060 + 6600; the one that was declined midway, at its own price:
    # 412 x 10 + 30 x 50 = 4120 + 1500
    "anthropic/fallback.json": Case(
        usage=TokenUsage(input_tokens=412, output_tokens=264),
        cost="0.00866",
        model=OPUS,
        others=(("claude-fable-5", TokenUsage(input_tokens=412, output_tokens=30), "0.00562"),),
    ),
    # the same where the counts are sums: 824 - 412 and 294 - 30
    "anthropic/fallback_summed.json": Case(
        usage=TokenUsage(input_tokens=412, output_tokens=264),
        cost="0.00866",
        model=OPUS,
        others=(("claude-fable-5", TokenUsage(input_tokens=412, output_tokens=30), "0.00562"),),
    ),
    # the executor: 350 x 3 + 89 x 15 = 1050 + 1335; the advisor: 823 x 5 + 1612 x 25 = 4115 + 40300
    "anthropic/advisor.json": Case(
        usage=TokenUsage(input_tokens=350, output_tokens=89),
        cost="0.002385",
        model=SONNET,
        others=((OPUS, TokenUsage(input_tokens=823, output_tokens=1612), "0.044415"),),
    ),
    # 412 x 5 + 264 x 25 = 2060 + 6600
    "anthropic/fallback_before_output.json": Case(
        usage=TokenUsage(input_tokens=412, output_tokens=264), cost="0.00866", model=OPUS
    ),
    # input 1000 + 70, of which 300 cached (50 audio) and 150 audio that is not; 620 x 0.3 + 250 x 0.03 + 50 x 0.1
    # + 150 x 1 + (40 + 60) x 2.5 = 186 + 7.5 + 5 + 150 + 250
    "gemini/thoughts_and_tools.json": Case(
        usage=TokenUsage(
            input_tokens=1070,
            cache_read_tokens=300,
            audio_input_tokens=200,
            audio_cache_read_tokens=50,
            output_tokens=100,
            reasoning_tokens=60,
        ),
        cost="0.0005985",
        model=FLASH,
    ),
    # the last chunk: 8 x 0.3 + 140 x 2.5 = 2.4 + 350
    "gemini/stream.sse": Case(
        usage=TokenUsage(input_tokens=8, output_tokens=140, reasoning_tokens=100),
        cost="0.0003524",
        model=FLASH,
    ),
    # 7 x 0.3 + 1290 x 30 + 12 x 2.5 = 2.1 + 38700 + 30
    "gemini/image.json": Case(
        usage=TokenUsage(input_tokens=7, output_tokens=1302, image_output_tokens=1290),
        cost="0.0387321",
        model="gemini-2.5-flash-image",
    ),
    # 7 x 0.3 + (17 - 7) x 2.5 = 2.1 + 25
    "gemini/as_openai.json": Case(
        usage=TokenUsage(input_tokens=7, output_tokens=10, reasoning_tokens=6), cost="0.0000271", model=FLASH
    ),
    # 16 x 0.15 + 34 x 0.6 = 2.4 + 20.4
    "mistral/chat.json": Case(usage=ASKED, cost="0.0000228", model=SMALL),
    "mistral/chat_stream.sse": Case(usage=ASKED, cost="0.0000228", model=SMALL),
    # 29 pages at $4 for 1,000, annotated ones at $5
    "mistral/ocr.json": Case(usage=TokenUsage(pages=29), cost="0.116", model="mistral-ocr-latest"),
    "mistral/ocr_annotated.json": Case(
        usage=TokenUsage(pages=29, annotated_pages=29), cost="0.145", model="mistral-ocr-latest"
    ),
    # 125 x 3.3 + 1000 x 0.33 + 300 x 4.125 + 200 x 6.6 + 60 x 16.5 = 412.5 + 330 + 1237.5 + 1320 + 990
    "bedrock/converse.json": Case(
        usage=TokenUsage(
            input_tokens=1625,
            cache_read_tokens=1000,
            cache_write_tokens=500,
            cache_write_1h_tokens=200,
            output_tokens=60,
        ),
        cost="0.00429",
    ),
    # 200 x 0.06 + 1000 x 0.015 + 60 x 0.24 = 12 + 15 + 14.4
    "bedrock/converse_cached_within.json": Case(
        usage=TokenUsage(input_tokens=1200, cache_read_tokens=1000, output_tokens=60), cost="0.0000414"
    ),
    # 47 x 3.3 + 20 x 16.5 = 155.1 + 330
    "bedrock/converse_stream.events.json": Case(
        usage=TokenUsage(input_tokens=47, output_tokens=20), cost="0.0004851", tier="default"
    ),
    # 100 x 0.8 + 50 x 0.08 + 25 x 4 = 80 + 4 + 100
    "bedrock/invoke_anthropic.json": Case(usage=HAIKU, cost="0.000184", model="claude-3-5-haiku-20241022"),
    "bedrock/invoke_anthropic_stream.events.json": Case(
        usage=HAIKU, cost="0.000184", model="claude-3-5-haiku-20241022"
    ),
    # 125 x 0.22
    "bedrock/invoke_llama.json": Case(usage=TokenUsage(input_tokens=25, output_tokens=100), cost="0.0000275"),
    # 12 x 0.02
    "bedrock/invoke_titan_embedding.json": Case(usage=TokenUsage(input_tokens=12), cost="0.00000024"),
    # 18 x 0.59 + 556 x 0.79 = 10.62 + 439.24
    "groq/chat_stream.sse": Case(
        usage=TokenUsage(input_tokens=18, output_tokens=556),
        cost="0.00044986",
        model="llama-3.3-70b-versatile",
    ),
    # by day: 400 x 0.27 + 600 x 0.07 + 100 x 1.1 = 108 + 42 + 110
    "deepseek/chat.json": Case(
        usage=TokenUsage(input_tokens=1000, cache_read_tokens=600, output_tokens=100),
        cost="0.00026",
        model="deepseek-chat",
    ),
    # 26 x 3 + 6 x 0.75 + (9 + 94) x 15 = 78 + 4.5 + 1545
    "xai/chat.json": Case(
        usage=TokenUsage(input_tokens=32, cache_read_tokens=6, output_tokens=103, reasoning_tokens=94),
        cost="0.0016275",
        model=GROK,
    ),
    # 32 x 3 + 103 x 15 = 96 + 1545
    "xai/chat_reasoning_within.json": Case(
        usage=TokenUsage(input_tokens=32, output_tokens=103, reasoning_tokens=94),
        cost="0.001641",
        model=GROK,
    ),
    # 33 x 2 + 7163 x 8 + 20016 x 2 + 73997 x 3 = 66 + 57304 + 40032 + 221991 = 319393; 18 searches at 0.005
    "perplexity/deep_research.json": Case(
        usage=TokenUsage(
            input_tokens=33,
            output_tokens=101_176,
            reasoning_tokens=73_997,
            citation_tokens=20_016,
            web_searches=18,
        ),
        cost="0.409393",
        model="sonar-deep-research",
        provider_cost="0.409",
    ),
    # 194 x 2.5 + 2 x 10 = 485 + 20; what OpenRouter says is kept beside it
    "openrouter/chat.json": Case(
        usage=TokenUsage(input_tokens=194, output_tokens=2),
        cost="0.000505",
        model="openai/gpt-4o",
        provider_cost="0.00095",
    ),
    # no list has a price: what DeepInfra says holds
    "deepinfra/chat.json": Case(
        usage=TokenUsage(input_tokens=15, output_tokens=16),
        cost="0.00000205",
        model="meta-llama/Meta-Llama-3.1-8B-Instruct",
        provider_cost="0.00000205",
    ),
    "vllm/chat_stream.sse": Case(usage=TokenUsage(input_tokens=9, output_tokens=2), model="mine"),
    "ollama/chat.json": Case(usage=TokenUsage(input_tokens=26, output_tokens=12), model="llama3.2"),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_an_answer_means_and_costs(name: str) -> None:
    check(name, CASES[name])


def test_every_golden_answer_has_a_case() -> None:
    assert index().keys() == CASES.keys() | test_golden_answers.CASES.keys() | test_golden_fees.CASES.keys()
