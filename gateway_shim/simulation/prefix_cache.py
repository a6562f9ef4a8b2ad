"""The provider's prompt cache: how much of a prompt was seen before, and how much is written for next time.

Two manners. *Implicit* (OpenAI, Mistral, Gemini): any prefix that was seen lately is read from the cache, in blocks, from a
minimum on, and writing costs nothing. *Explicit* (Anthropic): the caller marks where to cache up to; what is not there yet is
written at a price, for 5 minutes or for an hour.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway_shim.simulation.tokens import CHARS_PER_TOKEN, Prompt, Segment
from ingest.clock import Clock

HOUR_S = 3600
FIVE_MINUTES_S = 300
_IMPLICIT_KEEP_S = 600
_STEP_CHARS = 1024 * CHARS_PER_TOKEN
"""An implicit prefix may end inside a long message, at every 1,024 tokens."""
_REMEMBERED = 16_384


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How a provider caches. `scope` separates what may share entries: the model, and a caller's cache key."""

    scope: str
    minimum: int
    """Tokens that a prefix needs at least."""
    block: int = 1
    """Cached tokens come in multiples of this."""
    explicit: bool = False


class CacheShare(NamedTuple):
    """Tokens of the prompt, by what the cache did with them."""

    read: int = 0
    write: int = 0
    write_1h: int = 0


class PrefixCache:
    """Remembers prefixes by digest, the most recent ones, until they expire."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expiry: OrderedDict[bytes, float] = OrderedDict()

    def share(self, rule: CacheRule, prompt: Prompt) -> CacheShare:
        """What is cached of `prompt` now; remembers it for the next call."""
        if rule.explicit:
            return self._explicit(rule, prompt)
        return self._implicit(rule, prompt)

    def _implicit(self, rule: CacheRule, prompt: Prompt) -> CacheShare:
        steps = [step for segment in prompt.segments for step in _steps(segment)]
        read = 0
        for tokens, key in _chain(rule.scope, steps):
            if self._fresh(key):
                read = tokens
            self._keep(key, _IMPLICIT_KEEP_S)
        return CacheShare(read=read // rule.block * rule.block if read >= rule.minimum else 0)

    def _explicit(self, rule: CacheRule, prompt: Prompt) -> CacheShare:
        ends = [
            (tokens, key, segment.cache_for_s)
            for segment, (tokens, key) in zip(
                prompt.segments, _chain(rule.scope, prompt.segments), strict=True
            )
        ]
        marks = [(tokens, key, keep_s) for tokens, key, keep_s in ends if keep_s and tokens >= rule.minimum]
        if not marks:
            return CacheShare()
        last = marks[-1][0]
        read = max((tokens for tokens, key, _ in ends if tokens <= last and self._fresh(key)), default=0)
        write = write_1h = 0
        reached = read
        for tokens, key, keep_s in marks:
            if tokens > reached:
                write += tokens - reached
                write_1h += tokens - reached if keep_s == HOUR_S else 0
                reached = tokens
            self._keep(key, keep_s)
        return CacheShare(read, write, write_1h)

    def _fresh(self, key: bytes) -> bool:
        return self._expiry.get(key, 0.0) > self._clock.monotonic()

    def _keep(self, key: bytes, keep_s: int) -> None:
        until = self._clock.monotonic() + keep_s
        self._expiry[key] = max(until, self._expiry.get(key, 0.0))
        self._expiry.move_to_end(key)
        while len(self._expiry) > _REMEMBERED:
            self._expiry.popitem(last=False)


def _steps(segment: Segment) -> Iterator[Segment]:
    """`segment` cut where an implicit prefix may end; the last step carries what is left of the tokens."""
    text, tokens = segment.text, segment.tokens
    while len(text) > _STEP_CHARS and tokens > 1024:
        yield Segment(text[:_STEP_CHARS], 1024)
        text, tokens = text[_STEP_CHARS:], tokens - 1024
    yield Segment(text, tokens)


def _chain(scope: str, segments: tuple[Segment, ...] | list[Segment]) -> Iterator[tuple[int, bytes]]:
    """For each segment's end: the tokens up to there and the digest of everything up to there."""
    digest = hashlib.blake2b(scope.encode(), digest_size=16)
    tokens = 0
    for segment in segments:
        text = segment.text.encode(errors="surrogatepass")
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
        tokens += segment.tokens
        yield tokens, digest.digest()
