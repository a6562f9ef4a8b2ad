from __future__ import annotations

import statistics

import pytest

from gateway_shim.simulation.answers import MAX_OUTPUT_TOKENS
from gateway_shim.simulation.dice import Dice
from gateway_shim.simulation.directives import Directives
from gateway_shim.simulation.models import reasons
from gateway_shim.simulation.usage import ServedUsage
from gateway_shim.simulation.wording import cut, words
from tests.fixtures.replies import SPEAKERS

CHAT = SPEAKERS["openai chat"]
REASONING = SPEAKERS["openai reasoning"]


def test_the_same_call_and_seed_give_the_same_answer() -> None:
    first, second, other = CHAT.reply(seed=3), CHAT.reply(seed=3), CHAT.reply(seed=4)
    assert (first.choices, first.usage, first.response_id) == (
        second.choices,
        second.usage,
        second.response_id,
    )
    assert first.choices != other.choices


def test_dice_give_identical_calls_their_own_numbers_whatever_runs_beside() -> None:
    one, other = Dice(1), Dice(1)
    sequence = [one.throw(b"a").random() for _ in range(3)]
    interleaved = []
    for number in range(3):
        other.throw(b"b", str(number).encode())
        interleaved.append(other.throw(b"a").random())
    assert sequence == interleaved
    assert len(set(sequence)) == 3
    assert Dice(2).throw(b"a").random() != sequence[0]


def test_answers_have_a_lognormal_length() -> None:
    lengths = [CHAT.reply(seed=seed).usage.output_tokens for seed in range(400)]
    assert 130 < statistics.median(lengths) < 190
    assert statistics.mean(lengths) > statistics.median(lengths)
    assert 1 <= min(lengths) <= max(lengths) <= MAX_OUTPUT_TOKENS


@pytest.mark.parametrize("limit", [1, 7, 50, 300])
def test_the_limit_holds_and_is_said(limit: int) -> None:
    for seed in range(30):
        free, limited = REASONING.reply(seed=seed), REASONING.reply(seed=seed, max_completion_tokens=limit)
        assert limited.usage.output_tokens == min(limit, free.usage.output_tokens)
        assert limited.choices[0].truncated == (free.usage.output_tokens > limit)


def test_directives_win_over_the_limit() -> None:
    directives = Directives(
        output_tokens=500, reasoning_tokens=100, input_tokens=10_000, cache_read_tokens=9_000
    )
    reply = CHAT.reply(directives, max_completion_tokens=5)
    assert reply.usage == ServedUsage(10_000, 9_000, output_tokens=500, reasoning_tokens=100)
    assert not reply.choices[0].truncated


@pytest.mark.parametrize(("chunks", "tokens"), [(1, 50), (7, 50), (9, 3), (3, 0)])
def test_an_answer_comes_in_as_many_chunks_as_asked_for(chunks: int, tokens: int) -> None:
    reply = CHAT.reply(Directives(output_tokens=tokens, chunks=chunks))
    pieces = reply.choices[0].pieces
    assert len(pieces) == chunks
    assert sum(piece.tokens for piece in pieces) == tokens
    assert all(len(piece.text) == 4 * piece.tokens for piece in pieces)


def test_nothing_is_said_in_no_chunks() -> None:
    assert CHAT.reply(Directives(output_tokens=0)).choices[0].pieces == ()


def test_times_scale_with_the_speed() -> None:
    reply = CHAT.reply()
    assert reply.first_s > 0
    assert reply.whole_s == pytest.approx(reply.first_s + reply.usage.output_tokens * reply.token_s)


def test_produced_tokens_are_reasoning_first() -> None:
    usage = ServedUsage(input_tokens=5, output_tokens=100, reasoning_tokens=40)
    assert usage.produced(30) == ServedUsage(input_tokens=5, output_tokens=30, reasoning_tokens=30)
    assert usage.produced(60) == ServedUsage(input_tokens=5, output_tokens=60, reasoning_tokens=40)


def test_texts_have_four_characters_a_token() -> None:
    rng = Dice(1).throw(b"x")
    for tokens in (0, 1, 2, 3, 10, 333):
        text = words(rng, tokens)
        assert len(text) == 4 * tokens
        assert "".join(piece for piece, _ in cut(text, 5)) == text


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("o3", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5.4-mini", True),
        ("gpt-5-chat-latest", False),
        ("gpt-4o", False),
        ("omni-moderation", False),
        ("magistral-medium-latest", True),
        ("mistral-large-latest", False),
        ("gemini-2.5-pro", True),
        ("gemini-2.5-flash-lite", False),
        ("gemini-2.0-flash", False),
        ("gemini-3.5-flash", True),
        ("gemini-embedding-001", False),
    ],
)
def test_reasoning_is_in_the_name(model: str, thinks: bool) -> None:
    assert reasons(model) is thinks
