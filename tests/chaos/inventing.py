"""What a third gateway, which nobody starts, puts onto the log: late calls, calls ahead of time, months that change in the
middle of a batch. Pure and seeded."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ingest.attribution import Attribution
from ingest.codec import encode_event
from ingest.events.calls import BudgetRef, Call, CallFinished, CallStarted, GatewayRetired, Outcome
from ingest.log import Outgoing
from ingest.topics import TopicName
from ingest.usage import TokenUsage

SOURCE = "gateway/of-another-house"

_MODELS = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    ("mistral", "mistral-small-latest", "mistral-small-latest"),
    ("gemini", "gemini-2.5-flash", "gemini-2.5-flash"),
)


@dataclass(frozen=True)
class Invented:
    """A call that was made up, and of which kind: `late`, `very late`, `ahead`, `month's end`, `given up`."""

    kind: str
    finished: CallFinished
    source: str = SOURCE

    def records(self, *, with_start: bool, with_end: bool = True) -> list[Outgoing]:
        """As a gateway publishes them."""
        call = self.finished.call
        events: list[tuple[CallStarted | CallFinished, str]] = []
        if with_start:
            events.append((CallStarted(call), "started"))
        if with_end:
            events.append((self.finished, "finished"))
        return [
            Outgoing(
                TopicName.CALLS,
                call.who.team,
                encode_event(
                    event,
                    id=f"{call.call_id}/{what}",
                    source=self.source,
                    time=self.finished.finished_at,
                    subject=call.who.team,
                ),
            )
            for event, what in events
        ]


def late(rng: random.Random, name: str, team: str, now: datetime) -> Invented:
    """Within the 35 days that late calls are accepted."""
    return Invented("late", _call(rng, name, team, now - timedelta(days=rng.uniform(0.5, 34))))


def very_late(rng: random.Random, name: str, team: str, now: datetime) -> Invented:
    """Beyond them: kept, and flagged."""
    return Invented("very late", _call(rng, name, team, now - timedelta(days=rng.uniform(36, 80))))


def ahead(rng: random.Random, name: str, team: str, now: datetime) -> Invented:
    """Of a machine whose clock is ten minutes fast."""
    return Invented("ahead", _call(rng, name, team, now + timedelta(minutes=10)))


def around_months_end(
    rng: random.Random, name: str, teams: tuple[str, ...], now: datetime, count: int
) -> list[Invented]:
    """Calls on either side of the beginning of this month, to the microsecond, in no order."""
    turn = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    offsets = [timedelta(0), timedelta(microseconds=-1)]
    offsets += [timedelta(microseconds=rng.randint(-5_000_000, 5_000_000)) for _ in range(count - 2)]
    rng.shuffle(offsets)
    return [
        Invented("month's end", _call(rng, f"{name}.{number}", rng.choice(teams), turn + offset))
        for number, offset in enumerate(offsets)
    ]


def given_up(
    rng: random.Random, name: str, teams: tuple[str, ...], now: datetime, count: int
) -> list[Invented]:
    """Calls in flight of a gateway of their own, which is declared dead before they end."""
    return [
        Invented(
            "given up",
            _call(rng, f"{name}.{number}", rng.choice(teams), now - timedelta(seconds=2)),
            f"gateway/given-up-{name}",
        )
        for number in range(count)
    ]


def retirement(gateway: str, partitions: int, now: datetime) -> list[Outgoing]:
    """What the successor of a dead gateway says, on every partition."""
    return [
        Outgoing(
            TopicName.CALLS,
            gateway,
            encode_event(
                GatewayRetired(gateway, now), id=f"{gateway}/retired/{number}", source=SOURCE, time=now
            ),
            number,
        )
        for number in range(partitions)
    ]


def month_window(at: datetime) -> str:
    """The balance of a calendar month in UTC, of a budget that was never reset: written out here on purpose."""
    return f"0/{at.year:04d}-{at.month:02d}-01T00:00:00Z"


def _call(rng: random.Random, name: str, team: str, started_at: datetime) -> CallFinished:
    provider, asked, answered = rng.choice(_MODELS)
    cached = rng.choice((0, rng.randint(1, 2000)))
    reasoning = rng.choice((0, rng.randint(1, 500)))
    usage = TokenUsage(
        input_tokens=cached + rng.randint(1, 5000),
        cache_read_tokens=cached,
        output_tokens=reasoning + rng.randint(1, 2000),
        reasoning_tokens=reasoning,
    )
    took_ms = rng.randint(100, 3000)
    call = Call(
        call_id=f"invented-{name}",
        started_at=started_at,
        who=Attribution(team=team, tags={"ref": f"invented-{name}"}),
        provider=provider,
        model=asked,
        operation="chat",
        budgets=(BudgetRef(f"{team}-month", month_window(started_at)),),
        hold_usd=Decimal("1.5"),
        request_bytes=rng.randint(100, 20_000),
    )
    return CallFinished(
        call=call,
        finished_at=started_at + timedelta(milliseconds=took_ms),
        outcome=Outcome.OK,
        http_status=200,
        latency_ms=took_ms,
        usage=usage,
        response_model=answered,
        response_id=f"answer-{name}",
    )
