"""Who calls what in the demonstration: five teams, their users and projects, and the kinds of calls that they make.

Both the live traffic and the invented past are drawn from here, so that one continues the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

UNKNOWN_MODEL = "atlas-70b-instruct-onprem"
"""A model of one's own behind OpenAI's format: no price list knows it, so its calls stay unpriced."""


class Shape(Enum):
    """The operation that a call uses, in its provider's own format unless it is routed."""

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    GENERATE = "generate"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A kind of call. Token numbers are medians."""

    provider: str
    model: str
    shape: Shape
    feature: str
    """What it is for; goes into the tags."""
    weight: float = 1.0
    """Its part of the team's calls, relative to the others."""
    streams: float = 0.0
    """Share of calls that stream."""
    preamble_tokens: int = 0
    """Tokens that are the same every time, and so are read from a cache."""
    prompt_tokens: int = 300
    """Tokens that differ from call to call."""
    output_tokens: int = 160
    max_tokens: int | None = None
    routed: bool = False
    """Sent to the gateway's `/v1`, which routes by the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team and how it works."""

    name: str
    share: float
    """Its part of all calls; the shares of all teams add up to 1."""
    projects: tuple[str, ...]
    users: tuple[str, ...]
    works: tuple[Work, ...]
    phase: float = 0.0
    """Where in the day's wave it has its peak, as a part of the wave."""
    burst: int = 1
    """Mean number of calls that come at once."""
    at_night: bool = False
    """Whether it works at night and at weekends, when the others do not."""


def _people(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}@example.com" for name in names)


SUPPORT = Team(
    name="support",
    share=0.34,
    projects=("helpdesk", "returns"),
    users=_people("amira", "ben", "chloe", "dmitri", "elif", "farid"),
    works=(
        Work(
            provider="openai",
            model="gpt-4o-mini",
            shape=Shape.CHAT,
            feature="chat",
            weight=6,
            streams=0.9,
            preamble_tokens=1400,
            output_tokens=180,
            max_tokens=600,
        ),
        Work(
            provider="anthropic",
            model="anthropic/claude-haiku-4-5",
            shape=Shape.CHAT,
            feature="escalation",
            weight=1,
            streams=0.5,
            preamble_tokens=900,
            output_tokens=220,
            max_tokens=800,
            routed=True,
        ),
        Work(
            provider="openai",
            model="gpt-4o",
            shape=Shape.CHAT,
            feature="escalation",
            weight=1,
            streams=0.5,
            preamble_tokens=1400,
            output_tokens=240,
            max_tokens=800,
            routed=True,
        ),
    ),
)

CODE = Team(
    name="code",
    share=0.2,
    projects=("ide", "review"),
    users=_people("greta", "hiro", "ines", "jonas", "kofi"),
    phase=0.1,
    works=(
        Work(
            provider="anthropic",
            model="claude-sonnet-4-6",
            shape=Shape.MESSAGES,
            feature="agent",
            weight=4,
            streams=0.8,
            preamble_tokens=6000,
            prompt_tokens=900,
            output_tokens=420,
            max_tokens=2000,
        ),
        Work(
            provider="openai",
            model="o4-mini",
            shape=Shape.RESPONSES,
            feature="review",
            weight=2,
            streams=0.3,
            preamble_tokens=1500,
            prompt_tokens=1800,
            output_tokens=700,
            max_tokens=4000,
        ),
        Work(
            provider="openai",
            model="gpt-5.4-mini",
            shape=Shape.CHAT,
            feature="completion",
            weight=2,
            prompt_tokens=1200,
            output_tokens=350,
            max_tokens=2000,
        ),
    ),
)

SEARCH = Team(
    name="search",
    share=0.26,
    projects=("catalogue",),
    users=_people("indexer"),
    phase=0.3,
    works=(
        Work(
            provider="openai",
            model="text-embedding-3-small",
            shape=Shape.EMBEDDINGS,
            feature="index",
            weight=3,
            prompt_tokens=600,
            output_tokens=0,
        ),
        Work(
            provider="mistral",
            model="mistral-embed",
            shape=Shape.EMBEDDINGS,
            feature="index",
            weight=1,
            prompt_tokens=500,
            output_tokens=0,
        ),
        Work(
            provider="gemini",
            model="gemini-embedding-001",
            shape=Shape.EMBEDDINGS,
            feature="query",
            weight=1,
            prompt_tokens=40,
            output_tokens=0,
        ),
    ),
)

RESEARCH = Team(
    name="research",
    share=0.1,
    projects=("papers", "market"),
    users=_people("lena", "marco", "noor"),
    phase=0.2,
    works=(
        Work(
            provider="gemini",
            model="gemini-2.5-pro",
            shape=Shape.GENERATE,
            feature="digest",
            weight=2,
            streams=0.5,
            preamble_tokens=1200,
            prompt_tokens=4000,
            output_tokens=900,
            max_tokens=3000,
        ),
        Work(
            provider="gemini",
            model="gemini-2.5-flash",
            shape=Shape.GENERATE,
            feature="triage",
            weight=3,
            streams=0.3,
            prompt_tokens=1500,
            output_tokens=300,
            max_tokens=1500,
        ),
        Work(
            provider="openai",
            model=UNKNOWN_MODEL,
            shape=Shape.CHAT,
            feature="trial",
            weight=1,
            streams=0.5,
            prompt_tokens=700,
            output_tokens=250,
            max_tokens=800,
        ),
    ),
)

BATCH = Team(
    name="batch",
    share=0.1,
    projects=("nightly",),
    users=_people("scheduler"),
    phase=0.6,
    burst=12,
    at_night=True,
    works=(
        Work(
            provider="mistral",
            model="mistral-small-latest",
            shape=Shape.CHAT,
            feature="classify",
            weight=3,
            preamble_tokens=700,
            prompt_tokens=500,
            output_tokens=60,
            max_tokens=120,
        ),
        Work(
            provider="mistral",
            model="mistral-large-latest",
            shape=Shape.CHAT,
            feature="summarise",
            weight=1,
            prompt_tokens=2500,
            output_tokens=300,
            max_tokens=600,
        ),
    ),
)

TEAMS = (SUPPORT, CODE, SEARCH, RESEARCH, BATCH)
