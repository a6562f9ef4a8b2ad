"""The SQL of every query, as it goes to ClickHouse: a change here is a change of what people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.errors import InvalidInput
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.cut import Cut
from warehouse.queries.filters import AvailableNames, TeamsBySeniority
from warehouse.queries.freshness import Activity, PipelineProgress, SimulatedCalls
from warehouse.queries.query import Query, instant, spelled_out
from warehouse.queries.spend import (
    Bucket,
    SpendByTeam,
    SpendOnWeekday,
    SpendOverTime,
    SpendTotals,
    TopKeys,
    TopModels,
    TopTeams,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 25, tzinfo=UTC)
ALL = Cut(START, END)
CUT = Cut(START, END, teams=("code", "search"), models=("gpt-4o",), providers=("openai",))
KEYS = Cut(START, END, keys=("key-1",))
HOSTILE = ("'; DROP TABLE calls --", "\\", "{x:String}", "", "a\nb")

ROLLUP = """FROM spend_hourly AS h
WHERE h.hour >= {start:DateTime('UTC')}
  AND h.hour < {end:DateTime('UTC')}"""
SINGLE = """FROM (
  SELECT
    toStartOfHour(started_at) AS hour, team, provider, model, outcome,
    toUInt64(1) AS calls, input_tokens, cache_read_tokens, output_tokens, cost_usd,
    toUInt64(NOT is_priced) AS unpriced_calls, toUInt64(is_estimated) AS estimated_calls
  FROM calls
  WHERE started_at >= {start:DateTime64(6, 'UTC')}
    AND started_at < {end:DateTime64(6, 'UTC')}
    AND key_id IN {keys:Array(String)}
) AS h"""
SUMS = """sum(h.calls) AS calls,
  sumIf(h.calls, h.outcome = 'refused') AS refused_calls,
  sumIf(h.calls, h.outcome IN ('error', 'aborted')) AS failed_calls,
  sum(h.input_tokens) AS input_tokens,
  sum(h.cache_read_tokens) AS cache_read_tokens,
  sum(h.output_tokens) AS output_tokens,
  sum(h.cost_usd) AS cost_usd,
  sum(h.unpriced_calls) AS unpriced_calls,
  sum(h.estimated_calls) AS estimated_calls"""

PINNED: list[tuple[Query, str]] = [
    (SpendTotals(ALL), f"SELECT\n  {SUMS}\n{ROLLUP}"),
    (SpendTotals(KEYS), f"SELECT\n  {SUMS}\n{SINGLE}"),
    (
        SpendTotals(CUT),
        f"""SELECT
  {SUMS}
{ROLLUP}
  AND h.team IN {{teams:Array(String)}}
  AND h.model IN {{models:Array(String)}}
  AND h.provider IN {{providers:Array(String)}}""",
    ),
    (
        SpendOverTime(ALL, Bucket.HOUR),
        f"""SELECT
  h.hour AS bucket,
  sum(h.calls) AS calls,
  sum(h.cost_usd) AS cost_usd
{ROLLUP}
GROUP BY bucket
ORDER BY bucket""",
    ),
    (
        SpendByTeam(ALL, Bucket.DAY),
        f"""SELECT
  toStartOfDay(h.hour, 'UTC') AS bucket,
  h.team AS team,
  sum(h.calls) AS calls,
  sum(h.cost_usd) AS cost_usd
{ROLLUP}
GROUP BY bucket, team
ORDER BY bucket, team""",
    ),
    (
        TopTeams(ALL),
        f"""SELECT
  h.team AS team,
  {SUMS}
{ROLLUP}
GROUP BY team
ORDER BY cost_usd DESC, calls DESC, team
LIMIT {{limit:UInt32}}""",
    ),
    (
        TopModels(KEYS, 3),
        f"""SELECT
  h.provider AS provider,
  h.model AS model,
  {SUMS}
{SINGLE}
GROUP BY provider, model
ORDER BY cost_usd DESC, calls DESC, provider, model
LIMIT {{limit:UInt32}}""",
    ),
    (
        TopKeys(ALL),
        """SELECT
  c.key_id AS key_id,
  c.team AS team,
  count() AS calls,
  countIf(c.outcome = 'refused') AS refused_calls,
  sum(c.input_tokens) AS input_tokens,
  sum(c.output_tokens) AS output_tokens,
  sum(c.cost_usd) AS cost_usd,
  max(c.started_at) AS last_call_at
FROM (
  SELECT key_id, team, outcome, input_tokens, output_tokens, cost_usd, started_at
  FROM calls
  WHERE started_at >= {start:DateTime64(6, 'UTC')}
    AND started_at < {end:DateTime64(6, 'UTC')}
) AS c
GROUP BY key_id, team
ORDER BY cost_usd DESC, calls DESC, key_id, team
LIMIT {limit:UInt32}""",
    ),
    (
        SpendOnWeekday(ALL, weekday=2, hour=10),
        f"""SELECT
  toStartOfDay(h.hour, 'UTC') AS day,
  sumIf(h.cost_usd, toHour(h.hour, 'UTC') < {{hour:UInt8}}) AS before_usd,
  sumIf(h.cost_usd, toHour(h.hour, 'UTC') = {{hour:UInt8}}) AS during_usd,
  sum(h.cost_usd) AS day_usd
{ROLLUP}
  AND toDayOfWeek(h.hour, 0, 'UTC') = {{weekday:UInt8}}
GROUP BY day
ORDER BY day""",
    ),
    (
        CurrentBudgets(),
        """SELECT
  name, scope, scope_dimensions, period, timezone, mode, epoch, window, status, spent_usd, limit_usd, overshoot_usd,"""
        """ until, warn_at, created_at, changed_at
FROM budgets_current
WHERE status != 'deleted'
ORDER BY limit_usd = 0 DESC, spent_usd / if(limit_usd = 0, 1, limit_usd) DESC, name
LIMIT {limit:UInt32}""",
    ),
    (
        PipelineProgress(),
        """SELECT stage, partition, position, log_end, settled_through, reported_at
FROM pipeline_progress FINAL
ORDER BY stage, partition""",
    ),
    (
        Activity(),
        """SELECT
  min(h.hour) AS first_hour,
  max(h.hour) AS last_hour,
  sum(h.calls) AS calls
FROM spend_hourly AS h""",
    ),
    (
        SimulatedCalls(KEYS),
        """SELECT count() AS simulated
FROM (
  SELECT 1
  FROM calls_raw
  WHERE started_at >= {start:DateTime64(6, 'UTC')}
    AND started_at < {end:DateTime64(6, 'UTC')}
    AND key_id IN {keys:Array(String)}
    AND tags['simulated'] = 'true'
  LIMIT 1
)""",
    ),
    (
        TeamsBySeniority(),
        """SELECT h.team AS team, min(h.hour) AS first_hour
FROM spend_hourly AS h
GROUP BY team
ORDER BY first_hour, team
LIMIT {limit:UInt32}""",
    ),
]


@pytest.mark.parametrize(("query", "sql"), PINNED, ids=lambda value: type(value).__name__)
def test_the_sql_is_pinned(query: Query, sql: str) -> None:
    assert query.to_sql()[0] == sql


def test_names_to_choose_from_are_one_question_of_four_parts() -> None:
    sql, params = AvailableNames(ALL, limit=7).to_sql()
    parts = sql.split("\nUNION ALL\n")
    assert parts[0] == (
        """SELECT dimension, name, cost_usd
FROM (
  SELECT 'team' AS dimension, h.team AS name, sum(h.cost_usd) AS cost_usd
  FROM spend_hourly AS h
  WHERE h.hour >= {start:DateTime('UTC')}
    AND h.hour < {end:DateTime('UTC')}
  GROUP BY name
  ORDER BY cost_usd DESC, name
  LIMIT {limit:UInt32}
)"""
    )
    assert [part.split("'")[1] for part in parts] == ["team", "provider", "model", "key"]
    assert params["limit"] == 7


@pytest.mark.parametrize("query", [query for query, _ in PINNED], ids=lambda query: type(query).__name__)
def test_every_promised_column_is_in_the_sql(query: Query) -> None:
    sql, _ = query.to_sql()
    assert [name for name in query.columns if name not in sql] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_values_are_bound_and_never_part_of_the_sql(name: str) -> None:
    for make in (
        SpendTotals,
        SpendOverTime,
        SpendByTeam,
        TopTeams,
        TopModels,
        TopKeys,
        SimulatedCalls,
        AvailableNames,
    ):
        harmless = Cut(START, END, teams=("t",), models=("m",), providers=("p",), keys=("k",))
        hostile = Cut(START, END, teams=(name,), models=(name,), providers=(name,), keys=(name,))
        sql, params = make(hostile).to_sql()
        assert sql == make(harmless).to_sql()[0]
        assert [params[of] for of in ("teams", "models", "providers", "keys")] == [[name]] * 4


def test_equal_questions_are_equal_and_can_be_kept_by_value() -> None:
    assert (
        len(
            {TopModels(CUT), TopModels(Cut(START, END, CUT.teams, CUT.models, CUT.providers)), TopModels(ALL)}
        )
        == 2
    )


def test_the_bounds_are_texts_in_utc() -> None:
    _, params = SpendTotals(Cut(START.astimezone(timezone(timedelta(hours=5))), END)).to_sql()
    assert params == {"start": "2026-11-01 00:00:00", "end": "2026-11-25 00:00:00"}


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        (datetime(2026, 11, 1, 0, 30, tzinfo=UTC), END, "whole hours"),
        (datetime(2026, 11, 1), END, "whole hours"),
        (END, START, "cannot end"),
    ],
)
def test_a_period_that_the_rollup_does_not_know_is_refused(
    start: datetime, end: datetime, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        Cut(start, end)


def test_an_instant_keeps_its_microseconds_and_needs_a_zone() -> None:
    assert instant(datetime(2026, 11, 24, 10, 42, 7, 120, tzinfo=UTC)) == "2026-11-24 10:42:07.000120"
    with pytest.raises(ValueError, match="time zone"):
        instant(datetime(2026, 11, 24))


def test_a_query_can_be_pasted_into_a_client() -> None:
    text = spelled_out(TopKeys(Cut(START, END, teams=("a'b\\c\n",)), limit=3))
    assert text.splitlines()[:4] == [
        "SET param_start = '2026-11-01 00:00:00';",
        "SET param_end = '2026-11-25 00:00:00';",
        r"SET param_teams = '[\'a\\\'b\\\\c\\n\']';",
        "SET param_limit = 3;",
    ]
