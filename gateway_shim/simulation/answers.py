"""Planning an answer: from what was asked and a generator to texts, token counts and times. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from gateway_shim.simulation.body import Body
from gateway_shim.simulation.dice import lognormal, token
from gateway_shim.simulation.directives import Directives
from gateway_shim.simulation.prefix_cache import CacheRule, CacheShare
from gateway_shim.simulation.tokens import Prompt
from gateway_shim.simulation.usage import ServedUsage
from gateway_shim.simulation.wording import cut, words

MAX_OUTPUT_TOKENS = 4096
"""Nobody's answer is longer than this unless a directive says so."""
_ANSWER_MEDIAN, _ANSWER_SIGMA = 160, 0.8
_REASONING_MEDIAN, _REASONING_SIGMA = 320, 0.9
_FIRST_TOKEN_MEDIAN_S, _FIRST_TOKEN_SIGMA = 0.35, 0.4
_TOKEN_MEDIAN_S, _TOKEN_SIGMA = 0.012, 0.3
_REASONING_SPEEDUP = 3.0
"""Hidden tokens come so much faster than those that are sent one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks for, whatever dialect it came in."""

    model: str
    body: Body
    prompt: Prompt
    stream: bool = False
    max_tokens: int | None = None
    """The limit on output, reasoning included; None when the caller sets none."""
    choices: int = 1
    reasoning: bool = False
    embeds: bool = False
    """An embedding call: input only."""
    audio_tokens: int = 0
    """The part of the input that is sound."""
    characters: int = 0
    """To be read aloud and billed by the character."""
    cache: CacheRule | None = None
    service_tier: str = ""
    stream_type: str = ""
    """The content type of a streamed answer, where the request decides on it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer and the tokens that it is billed as."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers asked for. `thought` is the reasoning that some providers show."""

    pieces: tuple[Piece, ...]
    thought: tuple[Piece, ...] = ()
    truncated: bool = False
    """Whether the limit on output cut it off."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def thought_text(self) -> str:
        return "".join(piece.text for piece in self.thought)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer, before it is put into a provider's format."""

    ask: Ask
    model: str
    """The model as the provider names it in the answer."""
    response_id: str
    created: int
    """Unix time, seconds."""
    choices: tuple[Choice, ...]
    usage: ServedUsage
    service_tier: str
    first_s: float
    """Seconds until the first token, hidden reasoning included."""
    token_s: float
    """Seconds for each visible token after that."""
    directives: Directives
    rng: random.Random = field(repr=False)
    """For identifiers and noise that the format needs."""

    @property
    def whole_s(self) -> float:
        """Seconds until an answer that is not streamed is there."""
        return self.first_s + self.usage.visible_tokens * self.token_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a provider decides about an answer that the request does not say."""

    model: str
    id_prefix: str
    created: int
    tokens_per_chunk: int
    speed: float
    service_tier: str


def plan(ask: Ask, style: Style, share: CacheShare, directives: Directives, rng: random.Random) -> Reply:
    """The answer to `ask`. Directives win over what is drawn, then `max_tokens`, then MAX_OUTPUT_TOKENS."""
    lengths = [_lengths(ask, directives, rng) for _ in range(ask.choices)]
    choices = tuple(_choice(*length, style, directives, rng) for length in lengths)
    reasoning = sum(thought for thought, _, _ in lengths)
    visible = sum(seen for _, seen, _ in lengths)
    token_s = lognormal(rng, _TOKEN_MEDIAN_S, _TOKEN_SIGMA) * style.speed
    first_s = lognormal(rng, _FIRST_TOKEN_MEDIAN_S, _FIRST_TOKEN_SIGMA) * style.speed
    return Reply(
        ask=ask,
        model=style.model,
        response_id=style.id_prefix + token(rng, 24),
        created=style.created,
        choices=choices,
        usage=_usage(ask, share, directives, reasoning, visible),
        service_tier=directives.service_tier or style.service_tier,
        first_s=first_s + reasoning * token_s / _REASONING_SPEEDUP,
        token_s=token_s,
        directives=directives,
        rng=rng,
    )


def _lengths(ask: Ask, directives: Directives, rng: random.Random) -> tuple[int, int, bool]:
    """Tokens of reasoning, tokens of visible answer, and whether a limit cut it off."""
    if ask.embeds:
        return 0, 0, False
    if directives.output_tokens is not None:
        reasoning = directives.reasoning_tokens or 0
        return reasoning, directives.output_tokens - reasoning, False
    reasoning = round(lognormal(rng, _REASONING_MEDIAN, _REASONING_SIGMA)) if ask.reasoning else 0
    visible = max(1, round(lognormal(rng, _ANSWER_MEDIAN, _ANSWER_SIGMA)))
    limit = MAX_OUTPUT_TOKENS if ask.max_tokens is None else min(ask.max_tokens, MAX_OUTPUT_TOKENS)
    kept_reasoning = min(reasoning, limit)
    kept_visible = min(visible, limit - kept_reasoning)
    return kept_reasoning, kept_visible, kept_reasoning + kept_visible < reasoning + visible


def _choice(
    reasoning: int,
    visible: int,
    truncated: bool,
    style: Style,
    directives: Directives,
    rng: random.Random,
) -> Choice:
    return Choice(
        pieces=_pieces(visible, style.tokens_per_chunk, directives.chunks, rng),
        thought=_pieces(reasoning, style.tokens_per_chunk, None, rng) if reasoning else (),
        truncated=truncated,
    )


def _pieces(tokens: int, per_chunk: int, chunks: int | None, rng: random.Random) -> tuple[Piece, ...]:
    count = chunks or -(-tokens // per_chunk)
    return tuple(Piece(text, counted) for text, counted in cut(words(rng, tokens), count)) if count else ()


def _usage(ask: Ask, share: CacheShare, directives: Directives, reasoning: int, visible: int) -> ServedUsage:
    output = {"output_tokens": reasoning + visible, "reasoning_tokens": reasoning}
    output |= {"audio_input_tokens": ask.audio_tokens, "characters": ask.characters}
    if directives.input_tokens is None:
        return ServedUsage(ask.prompt.tokens, share.read, share.write, share.write_1h, **output)
    return ServedUsage(
        directives.input_tokens,
        directives.cache_read_tokens or 0,
        directives.cache_write_tokens or 0,
        directives.cache_write_1h_tokens or 0,
        **output,
    )
