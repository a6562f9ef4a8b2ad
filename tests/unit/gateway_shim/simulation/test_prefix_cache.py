from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway_shim.simulation.prefix_cache import FIVE_MINUTES_S, HOUR_S, CacheRule, CacheShare, PrefixCache
from gateway_shim.simulation.tokens import Prompt, Segment
from ingest.clock import FixedClock

IMPLICIT = CacheRule("openai|gpt-4o", minimum=1024, block=128)
EXPLICIT = CacheRule("anthropic|claude", minimum=1024, explicit=True)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 24, tzinfo=UTC))


@pytest.fixture
def cache(clock: FixedClock) -> PrefixCache:
    return PrefixCache(clock)


def prompt(*segments: tuple[str, int] | tuple[str, int, int]) -> Prompt:
    return Prompt(tuple(Segment(*given) for given in segments))


def test_the_first_call_finds_nothing(cache: PrefixCache) -> None:
    assert cache.share(IMPLICIT, prompt(("system", 2000), ("a", 5))) == CacheShare()


def test_the_common_beginning_is_read_in_blocks(cache: PrefixCache) -> None:
    cache.share(IMPLICIT, prompt(("system", 2000), ("a", 500)))
    assert cache.share(IMPLICIT, prompt(("system", 2000), ("b", 500))).read == 1920
    assert cache.share(IMPLICIT, prompt(("system", 2000), ("a", 500), ("c", 10))).read == 2432


def test_another_beginning_or_model_shares_nothing(cache: PrefixCache) -> None:
    cache.share(IMPLICIT, prompt(("system", 2000)))
    assert cache.share(IMPLICIT, prompt(("other", 3), ("system", 2000))).read == 0
    assert cache.share(CacheRule("openai|o3", 1024, 128), prompt(("system", 2000))).read == 0


def test_short_prompts_are_not_cached(cache: PrefixCache) -> None:
    for _ in range(2):
        assert cache.share(IMPLICIT, prompt(("system", 1000))).read == 0


def test_a_prefix_may_end_inside_a_long_message(cache: PrefixCache) -> None:
    text = "x" * 4096 * 3
    cache.share(IMPLICIT, prompt((text + "first", 3074)))
    assert cache.share(IMPLICIT, prompt((text + "second", 3074))).read == 3072


def test_what_nobody_asks_for_is_forgotten(cache: PrefixCache, clock: FixedClock) -> None:
    cache.share(IMPLICIT, prompt(("system", 2000)))
    clock.advance(599)
    assert cache.share(IMPLICIT, prompt(("system", 2000))).read == 1920
    clock.advance(599)  # read again in between, so kept for longer
    assert cache.share(IMPLICIT, prompt(("system", 2000))).read == 1920
    clock.advance(601)
    assert cache.share(IMPLICIT, prompt(("system", 2000))).read == 0


def test_without_a_mark_nothing_is_cached_explicitly(cache: PrefixCache) -> None:
    for _ in range(2):
        assert cache.share(EXPLICIT, prompt(("system", 2000), ("a", 5))) == CacheShare()


def test_a_mark_writes_once_and_is_read_then(cache: PrefixCache) -> None:
    marked = prompt(("system", 2000, FIVE_MINUTES_S), ("a", 5))
    assert cache.share(EXPLICIT, marked) == CacheShare(read=0, write=2000)
    assert cache.share(EXPLICIT, marked) == CacheShare(read=2000)


def test_each_mark_writes_what_the_one_before_did_not(cache: PrefixCache) -> None:
    marked = prompt(("tools", 1500, HOUR_S), ("system", 700, FIVE_MINUTES_S), ("a", 5))
    assert cache.share(EXPLICIT, marked) == CacheShare(read=0, write=2200, write_1h=1500)
    longer = prompt(("tools", 1500, HOUR_S), ("system", 700), ("a", 5), ("b", 95, FIVE_MINUTES_S))
    assert cache.share(EXPLICIT, longer) == CacheShare(read=2200, write=100)


def test_five_minutes_pass_before_the_hour(cache: PrefixCache, clock: FixedClock) -> None:
    marked = prompt(("tools", 1500, HOUR_S), ("system", 700, FIVE_MINUTES_S))
    cache.share(EXPLICIT, marked)
    clock.advance(FIVE_MINUTES_S + 1)
    assert cache.share(EXPLICIT, marked) == CacheShare(read=1500, write=700)
    clock.advance(HOUR_S + 1)
    assert cache.share(EXPLICIT, marked) == CacheShare(read=0, write=2200, write_1h=1500)


def test_a_mark_below_the_minimum_is_ignored(cache: PrefixCache) -> None:
    for _ in range(2):
        assert cache.share(EXPLICIT, prompt(("system", 1023, HOUR_S))) == CacheShare()
