"""How far the warehouse has followed the log, and whether what it holds is real traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from warehouse.queries.cut import Cut
from warehouse.queries.query import Params


@dataclass(frozen=True)
class PipelineProgress:
    """The newest report of each stage and partition: where it stands, where the log ends, complete up to when."""

    columns: ClassVar[tuple[str, ...]] = (
        "stage",
        "partition",
        "position",
        "log_end",
        "settled_through",
        "reported_at",
    )

    def to_sql(self) -> tuple[str, Params]:
        """Before the loader's first report there is no row."""
        return (
            f"SELECT {', '.join(self.columns)}\nFROM pipeline_progress FINAL\nORDER BY stage, partition",
            {},
        )


@dataclass(frozen=True)
class Activity:
    """Whether there ever was a call: one row; without calls, `calls` is 0 and the hours mean nothing."""

    columns: ClassVar[tuple[str, ...]] = ("first_hour", "last_hour", "calls")

    def to_sql(self) -> tuple[str, Params]:
        """From the rollup."""
        return (
            "SELECT\n  min(h.hour) AS first_hour,\n  max(h.hour) AS last_hour,\n  sum(h.calls) AS calls\n"
            "FROM spend_hourly AS h",
            {},
        )


@dataclass(frozen=True)
class SimulatedCalls:
    """Whether the cut holds simulated calls (tag `simulated=true`): one row, 0 or 1.

    Asked of all versions of the calls: no version has other tags, and not having to tell them apart is much faster.
    """

    columns: ClassVar[tuple[str, ...]] = ("simulated",)
    cut: Cut

    def to_sql(self) -> tuple[str, Params]:
        """Reads until the first such call."""
        where, params = self.cut.calls()
        sql = f"""SELECT count() AS simulated
FROM (
  SELECT 1
  FROM calls_raw
  WHERE {where}
    AND tags['simulated'] = 'true'
  LIMIT 1
)"""
        return sql, params
