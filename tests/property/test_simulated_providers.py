"""The simulated providers never bill more than was asked for, and never count a token twice."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, strategies as st

from gateway_shim.simulation.body import segment
from gateway_shim.simulation.directives import Directives
from gateway_shim.simulation.prefix_cache import FIVE_MINUTES_S, HOUR_S, CacheRule, PrefixCache
from gateway_shim.simulation.tokens import Prompt, Segment
from gateway_shim.simulation.wording import cut
from ingest.clock import FixedClock
from tests.fixtures.replies import SPEAKERS

SEGMENTS = st.lists(
    st.builds(
        Segment,
        st.text("ab", max_size=3),
        st.integers(0, 3000),
        st.sampled_from([0, FIVE_MINUTES_S, HOUR_S]),
    ),
    max_size=6,
)


@given(
    prompts=st.lists(st.tuples(SEGMENTS, st.integers(0, 4000)), max_size=8),
    explicit=st.booleans(),
    block=st.sampled_from([1, 64, 128]),
)
def test_a_cache_never_shares_more_than_the_prompt(
    prompts: list[tuple[list[Segment], int]], explicit: bool, block: int
) -> None:
    clock = FixedClock(datetime(2026, 11, 24, tzinfo=UTC))
    cache = PrefixCache(clock)
    for segments, pause_s in prompts:
        prompt = Prompt(tuple(segments))
        rule = CacheRule("scope", 1024, block, explicit)
        share = cache.share(rule, prompt)
        assert 0 <= share.write_1h <= share.write
        assert share.read + share.write <= prompt.tokens
        if not explicit:
            assert share.write == 0
            assert share.read % block == 0
        at_once = cache.share(rule, prompt)
        assert at_once.read + at_once.write == share.read + share.write or not explicit
        assert not (explicit and at_once.write)
        clock.advance(pause_s)


@given(
    name=st.sampled_from(sorted(SPEAKERS)),
    visible=st.integers(0, 400),
    reasoning=st.integers(0, 200),
    chunks=st.none() | st.integers(1, 50),
    stop=st.integers(0, 700),
)
def test_a_stream_is_billed_chunk_by_chunk(
    name: str, visible: int, reasoning: int, chunks: int | None, stop: int
) -> None:
    speaker = SPEAKERS[name]
    directives = Directives(
        output_tokens=visible + reasoning, reasoning_tokens=reasoning, input_tokens=10, chunks=chunks
    )
    reply = speaker.reply(directives)
    assert sum(chunk.tokens for chunk in speaker.dialect.stream(reply)) == visible + reasoning
    assert len(reply.choices[0].text) == 4 * visible
    part = reply.usage.produced(min(stop, reply.usage.output_tokens))
    assert 0 <= part.reasoning_tokens <= part.output_tokens <= reply.usage.output_tokens


@given(text=st.text(), pieces=st.integers(1, 30))
def test_cutting_a_text_loses_nothing(text: str, pieces: int) -> None:
    parts = cut(text, pieces)
    assert "".join(part for part, _ in parts) == text
    assert sum(tokens for _, tokens in parts) == segment("", text).tokens - 4
