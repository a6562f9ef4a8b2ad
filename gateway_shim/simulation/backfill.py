"""An invented past for the demonstration: plausible calls of the last 60 days, the same every time.

A day's calls depend on the seed and the day alone, not on when one asks: the same day comes out the same tomorrow, so
importing again adds nothing. Weekdays and hours have their pattern, volume grows by 0.4 % a day, and one day in sixty
an agent of team `code` runs away for an afternoon.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from gateway_shim.simulation.dice import lognormal
from gateway_shim.simulation.habits import TEAMS, Team, Work
from gateway_shim.simulation.traffic_requests import tags
from ingest.errors import InvalidInput

COLUMNS = (
    "timestamp",
    "team",
    "project",
    "user",
    "provider",
    "model",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "latency_ms",
    "outcome",
    "tags",
)
PastCall = dict[str, str | int]

_GROWTH_PER_DAY = 1.004
_GROWTH_FROM = date(2026, 9, 1)
_ANOMALY_EVERY, _ANOMALY_ON = 60, 17
_ANOMALY_HOURS = range(13, 19)
_ANOMALY_TEAM, _ANOMALY_FACTOR = "code", 14
_WEEKEND_SHARE = 0.3
_CACHE_HITS = 0.7
_CACHED_FROM = 1024
_OFFICE_HOURS = (1, 1, 1, 1, 1, 2, 4, 9, 16, 20, 21, 18, 15, 18, 20, 19, 16, 11, 7, 5, 4, 3, 2, 1)
_NIGHT_HOURS = (14, 20, 24, 20, 12, 6, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8)
_OUTCOMES, _OUTCOME_WEIGHTS = ("ok", "error", "aborted"), (965, 15, 20)


def past_calls(
    until: datetime, *, days: int = 60, seed: int = 1, calls_per_day: int = 1500
) -> Iterator[PastCall]:
    """Calls before `until` (aware) in order of time, as rows with COLUMNS.

    `timestamp` is UTC in ISO 8601, `input_tokens` includes `cache_read_tokens`, `latency_ms` is whole milliseconds, and
    `tags` is JSON that says `"simulated": "true"`. `calls_per_day` is the mean of a weekday at the start of September 2026.
    """
    if until.tzinfo is None:
        raise InvalidInput("until has no time zone; give an aware instant")
    if days < 1 or calls_per_day < 1:
        raise InvalidInput(f"days is {days} and calls_per_day is {calls_per_day}; both have to be 1 or more")
    end = until.astimezone(UTC)
    for back in range(days - 1, -1, -1):
        day = end.date() - timedelta(days=back)
        for at, row in sorted(_day(day, seed, calls_per_day), key=lambda call: call[0]):
            if at < end:
                yield row


def is_anomaly(day: date) -> bool:
    """Whether the agent runs away on `day`: on exactly one of any 60 days."""
    return day.toordinal() % _ANOMALY_EVERY == _ANOMALY_ON


def _day(day: date, seed: int, calls_per_day: int) -> Iterator[tuple[datetime, PastCall]]:
    growth = _GROWTH_PER_DAY ** (day - _GROWTH_FROM).days
    for team in TEAMS:
        rng = random.Random(f"{seed}|{day.isoformat()}|{team.name}")
        weekend = day.weekday() >= 5 and not team.at_night
        mean = calls_per_day * team.share * growth * (_WEEKEND_SHARE if weekend else 1.0)
        hours = _NIGHT_HOURS if team.at_night else _OFFICE_HOURS
        for _ in range(round(lognormal(rng, mean, 0.12))):
            (hour,) = rng.choices(range(24), hours)
            yield _call(team, day, hour, rng)
        if team.name == _ANOMALY_TEAM and is_anomaly(day):
            for _ in range(
                round(_ANOMALY_FACTOR * calls_per_day * team.share * growth / 24) * len(_ANOMALY_HOURS)
            ):
                yield _call(team, day, rng.choice(_ANOMALY_HOURS), rng, team.works[0])


def _call(
    team: Team, day: date, hour: int, rng: random.Random, work: Work | None = None
) -> tuple[datetime, PastCall]:
    at = datetime.combine(day, time(hour, tzinfo=UTC)) + timedelta(microseconds=rng.randrange(3_600_000_000))
    if work is None:
        (work,) = rng.choices(team.works, [other.weight for other in team.works])
    cached = work.preamble_tokens if rng.random() < _CACHE_HITS else 0
    cached = cached if cached >= _CACHED_FROM and not work.routed else 0
    (outcome,) = rng.choices(_OUTCOMES, _OUTCOME_WEIGHTS)
    given = work.preamble_tokens + max(1, round(lognormal(rng, work.prompt_tokens, 0.5)))
    made = _output(work, outcome, rng)
    failed = outcome == "error"
    return at, {
        "timestamp": at.isoformat(),
        "team": team.name,
        "project": rng.choice(team.projects),
        "user": rng.choice(team.users),
        "provider": work.provider,
        "model": work.model.rpartition("/")[2],
        "input_tokens": 0 if failed else given,
        "cache_read_tokens": 0 if failed else cached,
        "output_tokens": made,
        "latency_ms": round(lognormal(rng, 350, 0.4) + made * lognormal(rng, 12, 0.3)),
        "outcome": outcome,
        "tags": tags(work, rng),
    }


def _output(work: Work, outcome: str, rng: random.Random) -> int:
    if outcome == "error" or not work.output_tokens:
        return 0
    drawn = max(1, round(lognormal(rng, work.output_tokens, 0.6)))
    whole = drawn if work.max_tokens is None else min(drawn, work.max_tokens)
    return whole if outcome == "ok" else round(whole * rng.random())
