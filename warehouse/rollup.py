"""The rollup `spend_by_team_hour`: recomputed from the deduplicated calls, cell by cell, never added to.

A cell is one hour of one team. Whoever stores calls names their cells; `recompute` rewrites them. Doing so again, late or
twice gives the same result, so that no crash can make the rollup wrong once its cells have been recomputed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from warehouse.cells import Cell, as_params, slices
from warehouse.client import Client

_GROUP = ("team", "hour", "org", "project", "provider", "model", "outcome")
_MEASURES = {
    "calls": "toUInt64(1)",
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "audio_input_tokens": "audio_input_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "audio_output_tokens": "audio_output_tokens",
    "cost_usd": "cost_usd",
    "input_cost_usd": "input_cost_usd",
    "cache_cost_usd": "cache_cost_usd",
    "output_cost_usd": "output_cost_usd",
    "list_cost_usd": "list_cost_usd",
    "unpriced_calls": "toUInt64(NOT is_priced)",
    "estimated_calls": "toUInt64(is_estimated)",
    "latency_ms_sum": "toUInt64(latency_ms)",
    "logical_calls": "toUInt64(attempt = 0)",
}
"""Each measure of the rollup: its value for one call."""

_GROUP_OF_CALL = "team, toStartOfHour(started_at) AS hour, org, project, provider, model, outcome"
_GROUP_COLUMNS = ", ".join(_GROUP)
_OF_CALL = ", ".join(f"{value} AS m_{name}" for name, value in _MEASURES.items())
_ZEROS = ", ".join(
    f"{'toDecimal128(0, 12)' if name.endswith('_usd') else 'toUInt64(0)'} AS m_{name}" for name in _MEASURES
)
# Neither a call nor an hour changes its month: FINAL need not look across months, and opens only those that are meant.
_BY_MONTH = "SETTINGS do_not_merge_across_partitions_select_final = 1"
_CELLS = "{cells:Array(Tuple(String, DateTime('UTC')))}"

# The rows that the cells have now are read as zeros beside the calls: a group that lost its last call to a correction is
# thus rewritten as empty. A new row must beat the old one even if the server's clock was set back in between.
_RECOMPUTE = f"""INSERT INTO spend_by_team_hour ({_GROUP_COLUMNS}, {", ".join(_MEASURES)}, computed_at)
SELECT {_GROUP_COLUMNS}, {", ".join(f"sum(m_{name})" for name in _MEASURES)},
  greatest(now64(6, 'UTC'), max(previous) + toIntervalMicrosecond(1))
FROM (
  SELECT {_GROUP_OF_CALL}, {_OF_CALL}, toDateTime64(0, 6, 'UTC') AS previous
  FROM calls_raw FINAL
  WHERE started_at >= {{start:DateTime('UTC')}} AND started_at < {{end:DateTime('UTC')}}
    AND (team, toStartOfHour(started_at)) IN {_CELLS}
  {_BY_MONTH}
  UNION ALL
  SELECT {_GROUP_COLUMNS}, {_ZEROS}, computed_at AS previous
  FROM spend_by_team_hour FINAL
  WHERE hour >= {{start:DateTime('UTC')}} AND hour < {{end:DateTime('UTC')}} AND (team, hour) IN {_CELLS}
  {_BY_MONTH}
)
GROUP BY {_GROUP_COLUMNS}"""

# Both sides as one list with signs: what is equal sums to nothing.
_VERIFY = f"""SELECT team, hour,
  sumIf(m_calls, side > 0) AS calls, sumIf(m_calls, side < 0) AS rolled_calls,
  sumIf(m_cost_usd, side > 0) AS cost_usd, sumIf(m_cost_usd, side < 0) AS rolled_cost_usd, max(newest) AS newest
FROM (
  SELECT {_GROUP_COLUMNS}, side, m_calls, m_cost_usd, newest,
    {", ".join(f"sum(side * m_{name}) OVER w AS d_{name}" for name in _MEASURES)}
  FROM (
    SELECT {_GROUP_OF_CALL}, toInt8(1) AS side, max(inserted_at) AS newest,
      {", ".join(f"sum({value}) AS m_{name}" for name, value in _MEASURES.items())}
    FROM calls_raw FINAL WHERE {{start:DateTime('UTC')}} <= started_at AND started_at < {{end:DateTime('UTC')}}
    GROUP BY {_GROUP_COLUMNS}
    {_BY_MONTH}
    UNION ALL
    SELECT {_GROUP_COLUMNS}, toInt8(-1) AS side, toDateTime64(0, 3, 'UTC') AS newest,
      {", ".join(f"{name} AS m_{name}" for name in _MEASURES)}
    FROM spend_by_team_hour FINAL WHERE hour >= {{start:DateTime('UTC')}} AND hour < {{end:DateTime('UTC')}}
    {_BY_MONTH}
  )
  WINDOW w AS (PARTITION BY {_GROUP_COLUMNS})
)
GROUP BY team, hour
HAVING {" OR ".join(f"countIf(d_{name} != 0) > 0" for name in _MEASURES)}
ORDER BY team, hour"""


@dataclass(frozen=True)
class Difference:
    """A cell in which the rollup is not what its calls sum to. `newest` is when its newest call was stored."""

    team: str
    hour: datetime
    calls: int
    rolled_calls: int
    cost_usd: Decimal
    rolled_cost_usd: Decimal
    newest: datetime

    @property
    def cell(self) -> Cell:
        return self.team, int(self.hour.timestamp()) // 3600


class Rollup:
    """`spend_by_team_hour` of one warehouse. Every method blocks."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def recompute(self, cells: Collection[Cell]) -> None:
        """Rewrite `cells` from the calls that are stored now. May be repeated freely."""
        for part in slices(cells):
            self._client.execute(_RECOMPUTE, as_params(part))

    def verify(self, start: datetime, end: datetime) -> list[Difference]:
        """The cells from `start` up to but not including `end` in which any sum of the rollup differs from its calls."""
        params = {
            name: at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
            for name, at in (("start", start), ("end", end))
        }
        return [Difference(*row) for row in self._client.rows(_VERIFY, params)]
