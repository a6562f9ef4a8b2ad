"""Texts are kept within bounds and counted; what lies beyond counts at the rate of what was counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from gateway_shim.estimate import Estimate, Estimator, answer_texts, request_tokens, rough
from gateway_shim.kept_text import MOST_KEPT_BYTES, KeptText
from gateway_shim.tokenizer import ByLength, tokens_of


class Words:
    """A word is a token."""

    def __init__(self) -> None:
        self.counted_bytes = 0
        self.threads: set[str] = set()

    def count(self, model: str, texts: Sequence[str]) -> int:
        assert model == "m"
        self.threads.add(threading.current_thread().name)
        self.counted_bytes += sum(len(text.encode()) for text in texts)
        return sum(len(text.split()) for text in texts)


def words(body: Any) -> int:
    return request_tokens(Words(), "m", msgspec.json.encode(body))


def kept(*pieces: str) -> KeptText:
    text = KeptText()
    for piece in pieces:
        text.add(piece)
    return text


def test_text_is_kept_in_order() -> None:
    text = kept("Hel", "lo ", "wörld")
    assert (text.uncovered(), text.total_bytes, text.is_covered) == ("Hello wörld", 12, False)


def test_a_usage_before_any_text_covers_none_of_it() -> None:
    text = KeptText()
    text.cover()
    text.add("a b")
    assert (text.is_covered, text.uncovered(), text.uncovered_bytes) == (False, "a b", 3)


def test_a_usage_covers_the_text_before_it() -> None:
    text = kept("a b")
    text.cover()
    assert (text.is_covered, text.uncovered(), text.total_bytes) == (True, "", 3)
    text.add("c")
    assert (text.uncovered(), text.uncovered_bytes, text.total_bytes) == ("c", 1, 4)


def test_no_more_than_the_limit_is_kept_and_the_rest_counts_at_its_rate() -> None:
    piece = "word " * 2000  # 10,000 bytes, 2000 tokens
    text = kept(*[piece] * 300)
    assert text.kept_bytes == len(text.uncovered()) <= MOST_KEPT_BYTES
    counter = Words()
    estimate = asyncio.run(_estimate(counter, None, text))
    assert estimate == Estimate(0, 300 * 2000)
    assert counter.counted_bytes <= MOST_KEPT_BYTES


def test_one_piece_beyond_the_limit_counts_by_length() -> None:
    text = kept("x" * (MOST_KEPT_BYTES + 4))
    assert rough(None, text) == Estimate(0, tokens_of(MOST_KEPT_BYTES + 4))


def test_a_long_request_is_counted_in_part_and_scaled() -> None:
    long = "two words " * 400_000  # 4 MB
    counter = Words()
    body = msgspec.json.encode({"model": "m", "prompt": long})
    assert request_tokens(counter, "m", body) == pytest.approx(800_000, rel=0.001)
    assert counter.counted_bytes <= MOST_KEPT_BYTES


def test_characters_of_several_bytes_are_cut_between_them() -> None:
    body = msgspec.json.encode({"prompt": "é" * MOST_KEPT_BYTES})
    assert request_tokens(ByLength(), "m", body) == pytest.approx(MOST_KEPT_BYTES / 2, rel=0.001)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        # 3 for the reply, 4 a message, 1 a name
        ({"messages": [{"role": "user", "content": "a b c"}]}, 3 + 4 + 3),
        ({"messages": [{"role": "user", "name": "x", "content": "a"}]}, 3 + 4 + 1 + 2),
        ({"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b c"}]}, 3 + 8 + 3),
        (
            {
                "system": "be brief",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
            },
            7 + 3,
        ),
        ({"contents": [{"role": "user", "parts": [{"text": "a b"}]}]}, 7 + 2),
        ({"model": "one two", "input": "a b"}, 2),
        ({"input": [{"role": "user", "content": "a"}]}, 7 + 1),
        ({"prompt": "a b c"}, 3),
        ({"input": ["a b", "c"]}, 3),
        ({"input": [1, 2, 3]}, 3),
        ({"input": [[1, 2], [3]]}, 3),
        ({"prompt": [5]}, 1),
        ({"input": [True]}, 0),
        ({"messages": []}, 0),
        ({}, 0),
    ],
)
def test_what_a_request_says_is_counted(body: dict[str, Any], tokens: int) -> None:
    assert words(body) == tokens


def test_images_files_and_ids_are_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,a b c"}}
    file = {"type": "file", "file": {"file_data": "d e f", "file_id": "x"}}
    source = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "g h"}}
    body = {
        "messages": [{"role": "user", "content": [picture, file, source, {"type": "text", "text": "seen"}]}]
    }
    without = {"messages": [{"role": "user", "content": [{"type": "text", "text": "seen"}]}]}
    # Names of things count (`file_id`, `media_type`); their content does not.
    assert words(body) - words(without) == 2


def test_tools_count_with_the_names_of_their_parameters() -> None:
    tool = {"name": "look", "parameters": {"properties": {"the city": {"type": "string"}}}}
    assert words({"tools": [tool]}) == 2


def test_a_body_that_is_no_object_has_no_tokens() -> None:
    for body in (b"", b"\xff", b"[1]", b'"text"', b"{"):
        assert request_tokens(Words(), "m", body) == 0


def test_an_answer_nested_however_deeply_gives_its_texts() -> None:
    deep: Any = {"text": "x"}
    for _ in range(500):
        deep = {"content": [deep]}
    assert list(answer_texts(deep)) == ["x"]
    assert sorted(
        answer_texts({"choices": [{"message": {"content": "a", "refusal": "b", "role": "c"}}]})
    ) == ["a", "b"]


def test_counting_is_done_in_a_thread_of_its_own() -> None:
    counter = Words()
    body = msgspec.json.encode({"prompt": "a b"})
    assert asyncio.run(_estimate(counter, body, kept("c"))) == Estimate(2, 1)
    assert threading.current_thread().name not in counter.threads
    assert all(name.startswith("estimates") for name in counter.threads)


async def _estimate(counter: Words, request: bytes | None, text: KeptText) -> Estimate:
    estimator = Estimator(counter)
    try:
        return await estimator.estimate("m", request, text)
    finally:
        estimator.close()
