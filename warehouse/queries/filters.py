"""What can be chosen in a filter bar: the names that calls of a period carry."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import ClassVar

from warehouse.queries.cut import Cut
from warehouse.queries.query import Params

_OF_ROLLUP = ("team", "provider", "model")


@dataclass(frozen=True)
class AvailableNames:
    """Teams, providers, models and keys of the cut, dearest first, at most `limit` of each."""

    columns: ClassVar[tuple[str, ...]] = ("dimension", "name", "cost_usd")
    cut: Cut
    limit: int = 500

    def to_sql(self) -> tuple[str, Params]:
        """`dimension` is team, provider, model or key."""
        source, params = self.cut.groups()
        where, more = self.cut.calls()
        parts = [_names_sql(name, f"h.{name}", source, "h.cost_usd") for name in _OF_ROLLUP]
        calls = f"FROM (\n  SELECT key_id, cost_usd\n  FROM calls\n  WHERE {where}\n) AS c"
        parts.append(_names_sql("key", "c.key_id", calls, "c.cost_usd"))
        return "\nUNION ALL\n".join(parts), {**params, **more, "limit": self.limit}


@dataclass(frozen=True)
class TeamsBySeniority:
    """All teams, in the order of their first call: an order that later teams do not disturb."""

    columns: ClassVar[tuple[str, ...]] = ("team", "first_hour")
    limit: int = 500

    def to_sql(self) -> tuple[str, Params]:
        """From the rollup."""
        sql = """SELECT h.team AS team, min(h.hour) AS first_hour
FROM spend_hourly AS h
GROUP BY team
ORDER BY first_hour, team
LIMIT {limit:UInt32}"""
        return sql, {"limit": self.limit}


def _names_sql(dimension: str, column: str, source: str, cost: str) -> str:
    return f"""SELECT dimension, name, cost_usd
FROM (
  SELECT '{dimension}' AS dimension, {column} AS name, sum({cost}) AS cost_usd
{indent(source, "  ")}
  GROUP BY name
  ORDER BY cost_usd DESC, name
  LIMIT {{limit:UInt32}}
)"""
