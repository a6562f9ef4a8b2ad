"""What was spent: totals, by time and team, and the models and keys that cost most.

Time, team, provider and model are asked from the rollup `spend_hourly` (a few thousand rows a month); keys are known
only to the single calls, so that a question about keys reads the view `calls`, bounded to the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from warehouse.queries.cut import Cut
from warehouse.queries.query import Params

_SUM_COLUMNS = (
    "calls",
    "refused_calls",
    "failed_calls",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "cost_usd",
    "unpriced_calls",
    "estimated_calls",
)
# Columns are qualified, since ClickHouse would else read `calls` as the alias of the sum beside it.
_SUMS = """sum(h.calls) AS calls,
  sumIf(h.calls, h.outcome = 'refused') AS refused_calls,
  sumIf(h.calls, h.outcome IN ('error', 'aborted')) AS failed_calls,
  sum(h.input_tokens) AS input_tokens,
  sum(h.cache_read_tokens) AS cache_read_tokens,
  sum(h.output_tokens) AS output_tokens,
  sum(h.cost_usd) AS cost_usd,
  sum(h.unpriced_calls) AS unpriced_calls,
  sum(h.estimated_calls) AS estimated_calls"""


class Bucket(StrEnum):
    """How finely time is divided. Days are UTC days."""

    HOUR = "hour"
    DAY = "day"


_BUCKET_SQL = {Bucket.HOUR: "h.hour", Bucket.DAY: "toStartOfDay(h.hour, 'UTC')"}


@dataclass(frozen=True)
class SpendTotals:
    """One row of sums over the cut: calls by how they ended, tokens, USD, and how sure the sum is.

    `failed_calls` ended as `error` or `aborted`; `calls` holds them and the refused ones too.
    """

    columns: ClassVar[tuple[str, ...]] = _SUM_COLUMNS
    cut: Cut

    def to_sql(self) -> tuple[str, Params]:
        """One row, of zeros when nothing was called."""
        source, params = self.cut.groups()
        return f"SELECT\n  {_SUMS}\n{source}", params


@dataclass(frozen=True)
class SpendOverTime:
    """USD and calls of each hour or day, oldest first; a bucket without calls has no row."""

    columns: ClassVar[tuple[str, ...]] = ("bucket", "calls", "cost_usd")
    cut: Cut
    bucket: Bucket = Bucket.DAY

    def to_sql(self) -> tuple[str, Params]:
        """`bucket` is when the hour or day begins."""
        source, params = self.cut.groups()
        sql = f"""SELECT
  {_BUCKET_SQL[self.bucket]} AS bucket,
  sum(h.calls) AS calls,
  sum(h.cost_usd) AS cost_usd
{source}
GROUP BY bucket
ORDER BY bucket"""
        return sql, params


@dataclass(frozen=True)
class SpendByTeam:
    """USD and calls of each hour or day and team, oldest first; a bucket without calls has no row."""

    columns: ClassVar[tuple[str, ...]] = ("bucket", "team", "calls", "cost_usd")
    cut: Cut
    bucket: Bucket = Bucket.DAY

    def to_sql(self) -> tuple[str, Params]:
        """`bucket` is when the hour or day begins."""
        source, params = self.cut.groups()
        sql = f"""SELECT
  {_BUCKET_SQL[self.bucket]} AS bucket,
  h.team AS team,
  sum(h.calls) AS calls,
  sum(h.cost_usd) AS cost_usd
{source}
GROUP BY bucket, team
ORDER BY bucket, team"""
        return sql, params


@dataclass(frozen=True)
class TopTeams:
    """The teams that cost most, dearest first; equal costs by calls, then by name."""

    columns: ClassVar[tuple[str, ...]] = ("team", *_SUM_COLUMNS)
    cut: Cut
    limit: int = 500

    def to_sql(self) -> tuple[str, Params]:
        """The sums of `SpendTotals` for each team."""
        source, params = self.cut.groups()
        sql = f"""SELECT
  h.team AS team,
  {_SUMS}
{source}
GROUP BY team
ORDER BY cost_usd DESC, calls DESC, team
LIMIT {{limit:UInt32}}"""
        return sql, {**params, "limit": self.limit}


@dataclass(frozen=True)
class TopModels:
    """The models that cost most, dearest first; equal costs by calls, then by name."""

    columns: ClassVar[tuple[str, ...]] = ("provider", "model", *_SUM_COLUMNS)
    cut: Cut
    limit: int = 10

    def to_sql(self) -> tuple[str, Params]:
        """The sums of `SpendTotals` for each model."""
        source, params = self.cut.groups()
        sql = f"""SELECT
  h.provider AS provider,
  h.model AS model,
  {_SUMS}
{source}
GROUP BY provider, model
ORDER BY cost_usd DESC, calls DESC, provider, model
LIMIT {{limit:UInt32}}"""
        return sql, {**params, "limit": self.limit}


@dataclass(frozen=True)
class TopKeys:
    """The keys that cost most, dearest first. A key is named by its id; the key itself is stored nowhere."""

    columns: ClassVar[tuple[str, ...]] = (
        "key_id",
        "team",
        "calls",
        "refused_calls",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "last_call_at",
    )
    cut: Cut
    limit: int = 10

    def to_sql(self) -> tuple[str, Params]:
        """From the single calls: the rollup does not know keys."""
        where, params = self.cut.calls()
        sql = f"""SELECT
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
  WHERE {where}
) AS c
GROUP BY key_id, team
ORDER BY cost_usd DESC, calls DESC, key_id, team
LIMIT {{limit:UInt32}}"""
        return sql, {**params, "limit": self.limit}


@dataclass(frozen=True)
class SpendOnWeekday:
    """USD of each day of the cut that falls on `weekday` (1 Monday to 7 Sunday), divided at `hour`, oldest first.

    What is usual by now on such a day is `before_usd` and a part of `during_usd`. A day without calls has no row.
    """

    columns: ClassVar[tuple[str, ...]] = ("day", "before_usd", "during_usd", "day_usd")
    cut: Cut
    weekday: int
    hour: int

    def to_sql(self) -> tuple[str, Params]:
        """`before_usd`: hours before `hour`; `during_usd`: that hour; `day_usd`: the whole day."""
        source, params = self.cut.groups("toDayOfWeek(h.hour, 0, 'UTC') = {weekday:UInt8}")
        sql = f"""SELECT
  toStartOfDay(h.hour, 'UTC') AS day,
  sumIf(h.cost_usd, toHour(h.hour, 'UTC') < {{hour:UInt8}}) AS before_usd,
  sumIf(h.cost_usd, toHour(h.hour, 'UTC') = {{hour:UInt8}}) AS during_usd,
  sum(h.cost_usd) AS day_usd
{source}
GROUP BY day
ORDER BY day"""
        return sql, {**params, "weekday": self.weekday, "hour": self.hour}
