"""How every budget stands now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from warehouse.queries.query import Params


@dataclass(frozen=True)
class CurrentBudgets:
    """The newest known state of every budget that was not deleted, fullest first."""

    columns: ClassVar[tuple[str, ...]] = (
        "name",
        "scope",
        "scope_dimensions",
        "period",
        "timezone",
        "mode",
        "epoch",
        "window",
        "status",
        "spent_usd",
        "limit_usd",
        "overshoot_usd",
        "until",
        "warn_at",
        "created_at",
        "changed_at",
    )
    limit: int = 200

    def to_sql(self) -> tuple[str, Params]:
        """A budget of nothing is as full as can be."""
        sql = f"""SELECT
  {", ".join(self.columns)}
FROM budgets_current
WHERE status != 'deleted'
ORDER BY limit_usd = 0 DESC, spent_usd / if(limit_usd = 0, 1, limit_usd) DESC, name
LIMIT {{limit:UInt32}}"""
        return sql, {"limit": self.limit}
