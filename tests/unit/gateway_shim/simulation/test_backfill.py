from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from gateway_shim.simulation.backfill import COLUMNS, is_anomaly, past_calls
from gateway_shim.simulation.habits import TEAMS
from ingest.errors import InvalidInput

UNTIL = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return list(past_calls(UNTIL, calls_per_day=300))


def day_of(row: dict[str, Any]) -> date:
    return datetime.fromisoformat(row["timestamp"]).date()


def test_rows_are_complete_consistent_and_in_order(rows: list[dict[str, Any]]) -> None:
    assert len(rows) > 10_000
    stamps = [datetime.fromisoformat(row["timestamp"]) for row in rows]
    assert stamps == sorted(stamps)
    assert stamps[0].date() == date(2026, 9, 26)
    assert stamps[-1] < UNTIL
    for row in rows:
        assert tuple(row) == COLUMNS
        assert 0 <= row["cache_read_tokens"] <= row["input_tokens"]
        assert row["output_tokens"] >= 0
        assert row["latency_ms"] > 0
        assert json.loads(row["tags"])["simulated"] == "true"
        if row["outcome"] == "error":
            assert row["input_tokens"] == row["output_tokens"] == 0
    assert {row["outcome"] for row in rows} == {"ok", "error", "aborted"}
    assert {row["team"] for row in rows} == {team.name for team in TEAMS}
    assert len({row["timestamp"] for row in rows}) > len(rows) * 0.999


def test_a_day_comes_out_the_same_whenever_one_asks(rows: list[dict[str, Any]]) -> None:
    later = list(past_calls(UNTIL + timedelta(days=3), days=20, calls_per_day=300))
    common = [row for row in rows if day_of(row) >= day_of(later[0])]
    assert later[: len(common)] == common
    elsewhere = UNTIL.astimezone(timezone(timedelta(hours=9)))
    assert list(past_calls(elsewhere, calls_per_day=300)) == rows


def test_another_seed_is_another_past(rows: list[dict[str, Any]]) -> None:
    assert list(past_calls(UNTIL, days=1, seed=2, calls_per_day=300)) != rows[-200:]


def test_weekends_are_quiet_and_nights_belong_to_the_batch(rows: list[dict[str, Any]]) -> None:
    by_day = Counter(day_of(row) for row in rows if row["team"] != "batch")
    quiet = [count for day, count in by_day.items() if day.weekday() >= 5]
    busy = [count for day, count in by_day.items() if day.weekday() < 5 and day != UNTIL.date()]
    assert max(quiet) < min(busy)
    hours = Counter((row["team"] == "batch", int(row["timestamp"][11:13])) for row in rows)
    assert hours[True, 2] > hours[True, 12]
    assert hours[False, 9] > 5 * hours[False, 2]


def test_volume_grows(rows: list[dict[str, Any]]) -> None:
    def week(first: date) -> int:
        return sum(first <= day_of(row) < first + timedelta(days=7) for row in rows)

    assert week(date(2026, 11, 16)) > 1.1 * week(date(2026, 9, 28))


def test_one_day_of_sixty_is_an_anomaly(rows: list[dict[str, Any]]) -> None:
    (day,) = [day for back in range(60) if is_anomaly(day := UNTIL.date() - timedelta(days=back))]
    assert day == date(2026, 11, 17)
    tokens: Counter[date] = Counter()
    for row in rows:
        tokens[day_of(row)] += row["input_tokens"] if row["team"] == "code" else 0
    (first, most), (_, second) = tokens.most_common(2)
    assert first == day
    assert most > 3 * second


@pytest.mark.parametrize(
    ("until", "more", "says"),
    [
        (UNTIL.replace(tzinfo=None), {}, "no time zone"),
        (UNTIL, {"days": 0}, "days is 0"),
        (UNTIL, {"calls_per_day": 0}, "calls_per_day is 0"),
    ],
)
def test_what_cannot_be_invented(until: datetime, more: dict[str, int], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        next(past_calls(until, **more))
