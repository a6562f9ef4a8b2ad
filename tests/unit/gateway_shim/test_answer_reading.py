from __future__ import annotations

import gzip
import json

import pytest

from gateway_shim.answer_reading import read_beginning, read_whole
from gateway_shim.formats.answer import Answer
from gateway_shim.formats.gemini_content import GEMINI_GENERATE

TEXT = 'Ünïcode, "quotes" and\na line'
BODIES = {
    "openai": {
        "id": "chatcmpl-1",
        "model": "gpt-4o-2024-08-06",
        "choices": [{"message": {"role": "assistant", "content": TEXT}}],
        "usage": {"prompt_tokens": 123, "completion_tokens": 45},
    },
    "gemini": {
        "responseId": "r-1",
        "modelVersion": "gemini-2.5-flash",
        "candidates": [{"content": {"parts": [{"text": TEXT}]}}],
        "usageMetadata": {"promptTokenCount": 123, "candidatesTokenCount": 45},
    },
}


@pytest.mark.parametrize("name", BODIES)
def test_of_an_answer_cut_anywhere_the_text_so_far_is_known_and_no_count_is_believed(name: str) -> None:
    body = json.dumps(BODIES[name], ensure_ascii=False).encode()
    longest = 0
    for end in range(len(body) + 1):
        answer = Answer()
        read_beginning(answer, body[:end], "")
        text = answer.text.uncovered()
        assert TEXT.startswith(text)
        assert len(text) >= longest, f"text was lost at byte {end}"
        longest = len(text)
        assert answer.usage is None
        assert answer.model in ("", "gpt-4o-2024-08-06", "gemini-2.5-flash")
    assert longest == len(TEXT)


def test_a_compressed_beginning_is_read() -> None:
    body = gzip.compress(json.dumps(BODIES["openai"] | {"pad": list(range(9999))}).encode())
    answer = Answer()
    read_beginning(answer, body[:-50], "gzip")
    assert answer.text.uncovered() == TEXT


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_answer_tells_nothing(body: bytes) -> None:
    answer = Answer()
    read_beginning(answer, body, "")
    assert answer.text.total_bytes == 0


def test_a_text_without_a_usage_is_counted_once() -> None:
    body = {name: value for name, value in BODIES["gemini"].items() if name != "usageMetadata"}
    answer = Answer()
    read_whole(answer, GEMINI_GENERATE, json.dumps(body).encode(), "")
    assert answer.text.uncovered() == TEXT
