"""A backlog of calls as gateways would have left it on `llm.calls`: seeded, so that every run has the same one.

Eight teams, two budgets a call (the team's, and one of its key's), models of three providers, prompts that are partly
cached. The start and the end of a call stand some calls apart, as they do when many are on their way at once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ingest.attribution import Attribution, BudgetScope
from ingest.codec import encode_event
from ingest.events.calls import BudgetRef, Call, CallFinished, CallStarted, Outcome
from ingest.events.governance import BudgetDefined
from ingest.governance.budgets import Budget
from ingest.governance.windows import window_at
from ingest.log import Outgoing
from ingest.topics import TopicName
from ingest.usage import TokenUsage

TEAMS = 8
KEYS = 3
"""Of each team."""
SOURCE = "spendstream/gateway/bench"
_IN_FLIGHT = 40
_LASTS = timedelta(hours=1)
_MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "chat", "/openai/v1/chat/completions"),
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", "chat", "/openai/v1/chat/completions"),
    ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-20250514", "chat", "/anthropic/v1/messages"),
    (
        "gemini",
        "gemini-2.5-flash",
        "gemini-2.5-flash",
        "generate_content",
        "/gemini/v1beta/models/gemini-2.5-flash",
    ),
)


def budgets(name: str, now: datetime) -> list[Budget]:
    """All budgets of the teams `name-0` …: large enough never to block."""
    found = []
    for team in (f"{name}-{number}" for number in range(TEAMS)):
        found.append(Budget(team, BudgetScope(team=team), Decimal(1_000_000), "month", now))
        for key in range(KEYS):
            found.append(
                Budget(
                    f"{team}-key-{key}", BudgetScope(key=f"{team}-key-{key}"), Decimal(1_000_000), "day", now
                )
            )
    return found


def definitions(those: Sequence[Budget]) -> list[Outgoing]:
    """Their records on `governance`, as the admin API writes them."""
    return [
        Outgoing(
            TopicName.GOVERNANCE,
            f"budget/{budget.name}",
            encode_event(
                BudgetDefined(budget, budget.created_at),
                id=f"{budget.name}/defined",
                source=SOURCE,
                time=budget.created_at,
            ),
        )
        for budget in those
    ]


def calls(name: str, count: int, those: Sequence[Budget], now: datetime) -> Iterator[CallFinished]:
    """`count` calls that ended within the hour before `now`."""
    dice = random.Random(count)
    windows = {budget.name: window_at(budget, now).id for budget in those}
    for number in range(count):
        team, key = f"{name}-{dice.randrange(TEAMS)}", dice.randrange(KEYS)
        provider, asked, answered, operation, path = dice.choice(_MODELS)
        latency_ms = dice.randrange(300, 9000)
        started_at = now - _LASTS + number * (_LASTS - timedelta(seconds=10)) / count
        own = f"{team}-key-{key}"
        tokens = dice.randrange(200, 6000)
        call = Call(
            call_id=f"{name}-{number:08d}-7000-8000-{dice.getrandbits(48):012x}",
            started_at=started_at,
            who=Attribution(
                team=team,
                project=f"project-{key}",
                key_id=own,
                user=f"user-{dice.randrange(200)}",
                tags={"env": "production", "feature": f"f{dice.randrange(12)}"},
            ),
            provider=provider,
            model=asked,
            operation=operation,
            path=path,
            is_stream=dice.random() < 0.6,
            budgets=(BudgetRef(team, windows[team]), BudgetRef(own, windows[own])),
            hold_usd=Decimal("0.041230000000"),
            request_bytes=4 * tokens,
        )
        yield CallFinished(
            call=call,
            finished_at=started_at + timedelta(milliseconds=latency_ms),
            outcome=Outcome.OK,
            http_status=200,
            latency_ms=latency_ms,
            ttft_ms=latency_ms // 3,
            usage=TokenUsage(
                input_tokens=tokens,
                cache_read_tokens=dice.choice((0, 0, tokens // 2)),
                output_tokens=dice.randrange(20, 1500),
            ),
            response_model=answered,
            response_id=f"chatcmpl-{dice.getrandbits(120):030x}",
            service_tier="default" if provider == "openai" else "",
        )


def records(finished: Iterator[CallFinished]) -> Iterator[Outgoing]:
    """Start and end of each call, as the gateway's recorder writes them."""
    under_way: deque[CallFinished] = deque()
    for one in finished:
        yield _record(CallStarted(one.call), one.call, one.call.started_at, "started")
        under_way.append(one)
        if len(under_way) > _IN_FLIGHT:
            yield _ended(under_way.popleft())
    while under_way:
        yield _ended(under_way.popleft())


def _ended(finished: CallFinished) -> Outgoing:
    return _record(finished, finished.call, finished.finished_at, "finished")


def _record(event: CallStarted | CallFinished, call: Call, time: datetime, what: str) -> Outgoing:
    value = encode_event(
        event, id=f"{call.call_id}/{what}", source=SOURCE, time=time.astimezone(UTC), subject=call.who.team
    )
    return Outgoing(TopicName.CALLS, call.who.team, value)
