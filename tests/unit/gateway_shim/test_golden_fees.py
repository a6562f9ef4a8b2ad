"""Answers whose price is a fee beside the tokens: searches, pictures by the piece, sessions of a code tool, audio by time.

What was used is exact; the fee comes from the price list, or from what is laid above it, and is worked out beside each.
"""

from __future__ import annotations

import pytest

from ingest.usage import TokenUsage
from tests.fixtures.golden_answers import Case, check

CASES = {
    # 9 x 2.5 + 363 x 10 = 22.5 + 3630; the model searches once for each call, at $25 for 1,000
    "openai/chat_search.json": Case(
        usage=TokenUsage(input_tokens=9, output_tokens=363, web_searches=1),
        cost="0.0286525",
        model="gpt-4o-search-preview-2025-03-11",
    ),
    # 328 x 2 + 356 x 8 = 3504; two searches (a page opened and one that failed are none) at $10 and one file search at
    # $2.50 for 1,000, one container (used twice) at the least that one costs, $0.0075
    "openai/responses_tools.json": Case(
        usage=TokenUsage(
            input_tokens=328, output_tokens=356, web_searches=2, file_searches=1, code_executions=1
        ),
        cost="0.033504",
        model="gpt-4.1-2025-04-14",
        tier="default",
    ),
    # the list has no price for pictures by the piece
    "openai/images_count.json": Case(usage=TokenUsage(images=2)),
    # 10 x 0.3 + 100 x 2.5 = 3 + 250; one grounded prompt at $35 for 1,000
    "gemini/grounded_by_prompt.json": Case(
        usage=TokenUsage(input_tokens=10, output_tokens=100, web_searches=1),
        cost="0.035253",
        model="gemini-2.5-flash",
    ),
    # 10 x 0.5 + 100 x 3 = 5 + 300; two different queries at $14 for 1,000
    "gemini/grounded_by_query.json": Case(
        usage=TokenUsage(input_tokens=10, output_tokens=100, web_searches=2),
        cost="0.028305",
        model="gemini-3-flash-preview",
    ),
    # 203 s at $0.18 an hour
    "mistral/transcription.json": Case(
        usage=TokenUsage(audio_ms=203_000),
        cost="0.01015",
        model="voxtral-mini-2507",
        asked="voxtral-mini-latest",
    ),
    # 7300 x 1.5 + 55 x 7.5 = 10950 + 412.5; the list has no fee for the connector
    "mistral/conversation.json": Case(
        usage=TokenUsage(input_tokens=7300, output_tokens=55, web_searches=1), cost="0.0113625"
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_an_answer_means_and_costs(name: str) -> None:
    check(name, CASES[name])
