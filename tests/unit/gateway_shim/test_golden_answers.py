"""OpenAI's and Azure's documented answers: what was used, and what that costs. The arithmetic stands beside each case.

Prices are USD for 1,000,000 tokens (genai-prices 0.2.3, November 2026), so tokens times price is millionths of a dollar.
"""

from __future__ import annotations

import pytest

from gateway_shim.answer_reading import reader_of
from gateway_shim.formats.answer import Answer
from gateway_shim.formats.openai_chat import OPENAI_CHAT
from ingest.events.calls import Outcome
from ingest.usage import TokenUsage
from tests.fixtures.golden_answers import FOLDER, Case, check, index

GPT_41, GPT_5, MINI, GPT_4O = (
    "gpt-4.1-2025-04-14",
    "gpt-5-2025-08-07",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-2024-08-06",
)
PICTURE = TokenUsage(input_tokens=50, image_input_tokens=40, output_tokens=50)
HEARD = TokenUsage(input_tokens=14, audio_input_tokens=14, output_tokens=45)
TOOL_TOKENS = {"input_tokens": 328, "output_tokens": 356}

CASES = {
    # 86 x 2 + 1920 x 0.5 + 300 x 8 = 172 + 960 + 2400
    "openai/chat.json": Case(
        usage=TokenUsage(input_tokens=2006, cache_read_tokens=1920, output_tokens=300),
        cost="0.003532",
        model=GPT_41,
        tier="default",
    ),
    # asked for priority (2.5 / 20), served and billed as default: 19 x 1.25 + 10 x 10 = 23.75 + 100
    "openai/chat_asked_priority_served_default.json": Case(
        usage=TokenUsage(input_tokens=19, output_tokens=10), cost="0.00012375", model=GPT_5, tier="default"
    ),
    # 19 x 2.5 + 10 x 20 = 47.5 + 200
    "openai/chat_served_priority.json": Case(
        usage=TokenUsage(input_tokens=19, output_tokens=10), cost="0.0002475", model=GPT_5, tier="priority"
    ),
    # flex is half: 19 x 0.625 + 10 x 5 = 11.875 + 50
    "openai/chat_tier_only_asked.json": Case(
        usage=TokenUsage(input_tokens=19, output_tokens=10), cost="0.000061875", model=GPT_5, tier="flex"
    ),
    # 13 x 0.15 + 7 x 0.6 = 1.95 + 4.2
    "openai/chat_stream.sse": Case(
        usage=TokenUsage(input_tokens=13, output_tokens=7), cost="0.00000615", model=MINI
    ),
    "openai/chat_zero.json": Case(usage=TokenUsage(), cost="0", model=MINI),
    "openai/chat_null_usage.json": Case(usage=None, model=MINI, is_estimated=True),
    # 36 x 2 + 87 x 8 = 72 + 696
    "openai/responses.json": Case(
        usage=TokenUsage(input_tokens=36, output_tokens=87), cost="0.000768", model=GPT_41, tier="default"
    ),
    # 328 x 2 + 356 x 8 = 3504; one billable search at $10 for 1,000, although two were made
    "openai/responses_tool_usage.json": Case(
        usage=TokenUsage(**TOOL_TOKENS, web_searches=1), cost="0.013504", model=GPT_41, tier="default"
    ),
    # 17 x 2 + 64 x 0.5 + 1035 x 8 = 34 + 32 + 8280 = 8346; one search 0.01
    "openai/responses_stream.sse": Case(
        usage=TokenUsage(
            input_tokens=81, cache_read_tokens=64, output_tokens=1035, reasoning_tokens=832, web_searches=1
        ),
        cost="0.018346",
        model=GPT_41,
        tier="default",
    ),
    # 36 x 2 + 16 x 8 = 72 + 128
    "openai/responses_incomplete.sse": Case(
        usage=TokenUsage(input_tokens=36, output_tokens=16), cost="0.0002", model=GPT_41, tier="default"
    ),
    # 36 x 2 + 5 x 8 = 72 + 40
    "openai/responses_failed.sse": Case(
        usage=TokenUsage(input_tokens=36, output_tokens=5),
        cost="0.000112",
        model=GPT_41,
        tier="default",
        outcome=Outcome.ABORTED,
    ),
    "openai/responses_background.json": Case(usage=None, model=GPT_41, tier="default", is_estimated=True),
    # 8 x 0.02
    "openai/embeddings.json": Case(
        usage=TokenUsage(input_tokens=8), cost="0.00000016", model="text-embedding-3-small"
    ),
    # 10 x 5 + 40 x 10 + 50 x 40 = 50 + 400 + 2000
    "openai/images_tokens.json": Case(usage=PICTURE, cost="0.00245"),
    "openai/images_stream.sse": Case(usage=PICTURE, cost="0.00245"),
    "openai/images_edit_stream.sse": Case(usage=PICTURE, cost="0.00245", asked="gpt-image-1"),
    # 14 x 6 + 45 x 10 = 84 + 450
    "openai/transcription_tokens.json": Case(usage=HEARD, cost="0.000534", asked="gpt-4o-transcribe"),
    "openai/transcription_stream.sse": Case(usage=HEARD, cost="0.000534", asked="gpt-4o-transcribe"),
    # $0.36 an hour is $0.0001 a second: 9.2 s, 8.47 s; 9.2 s by the captions; 3609.2 s
    "openai/transcription_duration.json": Case(
        usage=TokenUsage(audio_ms=9200), cost="0.00092", asked="whisper-1"
    ),
    "openai/transcription_verbose_old.json": Case(
        usage=TokenUsage(audio_ms=8470), cost="0.000847", asked="whisper-1"
    ),
    "openai/transcription.srt": Case(
        usage=TokenUsage(audio_ms=9200), cost="0.00092", asked="whisper-1", is_estimated=True
    ),
    "openai/transcription.vtt": Case(
        usage=TokenUsage(audio_ms=3_609_200), cost="0.36092", asked="whisper-1", is_estimated=True
    ),
    # 14 x 0.6 + 101 x 12 = 8.4 + 1212
    "openai/speech_stream.sse": Case(usage=TokenUsage(input_tokens=14, output_tokens=101), cost="0.0012204"),
    # 45 characters x 15
    "openai/speech.mp3": Case(usage=TokenUsage(characters=45), cost="0.000675"),
    # 45 characters: 12 tokens, and 45 x 1250 / 900 = 62.5 tokens of audio: 12 x 0.6 + 63 x 12 = 7.2 + 756
    "openai/speech_tokens.mp3": Case(
        usage=TokenUsage(input_tokens=12, output_tokens=63, audio_output_tokens=63),
        cost="0.0007632",
        is_estimated=True,
    ),
    # 33 x 2.5 + 557 x 10 = 82.5 + 5570
    "azure/chat.json": Case(
        usage=TokenUsage(input_tokens=33, output_tokens=557), cost="0.0056525", model=GPT_4O
    ),
    # 33 x 2.5 + 20 x 10 = 82.5 + 200
    "azure/chat_stream.sse": Case(
        usage=TokenUsage(input_tokens=33, output_tokens=20), cost="0.0002825", model=GPT_4O
    ),
    "azure/chat_stream_old_version.sse": Case(usage=None, model=GPT_4O, is_estimated=True),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_an_answer_means_and_costs(name: str) -> None:
    check(name, CASES[name])


@pytest.mark.parametrize("name", ["openai/chat_stream.sse", "azure/chat_stream.sse", "vllm/chat_stream.sse"])
def test_of_a_usage_that_was_our_wish_only_its_chunk_is_withheld(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    events = data.split(b"\n\n")
    usage = events[-3]
    assert b'"choices": []' in usage
    assert b'"prompt_tokens"' in usage
    reader = reader_of(Answer(), OPENAI_CHAT, "text/event-stream", "", withholds=True)
    passed = b"".join(reader.feed(data[at : at + 11]) for at in range(0, len(data), 11)) + reader.end()
    assert passed == data.replace(usage + b"\n\n", b""), "a filter's results have no choices either, and pass"


def test_every_file_is_in_the_index_with_its_document() -> None:
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert files - {"index.json"} == index().keys()
    assert all(len(entry["document"]) > 10 for entry in index().values())
