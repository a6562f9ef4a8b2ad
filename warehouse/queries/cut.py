"""Which calls a question is about: a period of whole hours, and the teams, models, providers and keys wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.errors import InvalidInput
from warehouse.queries.query import Params, instant

# The rollup's columns that questions use, counted from single calls.
_GROUP_OF_ONE = """
    toStartOfHour(started_at) AS hour, team, provider, model, outcome,
    toUInt64(1) AS calls, input_tokens, cache_read_tokens, output_tokens, cost_usd,
    toUInt64(NOT is_priced) AS unpriced_calls, toUInt64(is_estimated) AS estimated_calls"""


@dataclass(frozen=True)
class Cut:
    """Calls started from `start` up to but not including `end`, of any of the names given (none given: all).

    Both bounds are whole hours, UTC: the rollup knows no finer time. Raises InvalidInput for others, and for a period
    that ends before it starts.
    """

    start: datetime
    end: datetime
    teams: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for bound in (self.start, self.end):
            if (
                bound.tzinfo is None
                or bound.astimezone(UTC).replace(minute=0, second=0, microsecond=0) != bound
            ):
                raise InvalidInput(f"a period is bounded by whole hours in UTC, not by {bound.isoformat()}")
        if self.end < self.start:
            raise InvalidInput(f"a period cannot end ({self.end}) before it starts ({self.start})")

    def groups(self, *more: str) -> tuple[str, Params]:
        """`FROM … AS h WHERE …`: groups of calls within an hour, with the columns of the view `spend_hourly`.

        `more` are further conditions, fixed texts on `h`. The rollup does not know keys: a cut by keys is counted from
        the single calls instead.
        """
        if self.keys:
            where, params = self.calls()
            source = f"FROM (\n  SELECT{_GROUP_OF_ONE}\n  FROM calls\n  WHERE {where}\n) AS h"
            return "\nWHERE ".join([source, *_joined(more)]), params
        conditions, params = self._conditions("h.", "hour", "DateTime('UTC')")
        return f"FROM spend_hourly AS h\nWHERE {_joined([*conditions, *more])[0]}", params

    def calls(self) -> tuple[str, Params]:
        """A condition on the view `calls`. It bounds `started_at`, by which the table is partitioned."""
        conditions, params = self._conditions("", "started_at", "DateTime64(6, 'UTC')")
        if self.keys:
            conditions.append("key_id IN {keys:Array(String)}")
            params["keys"] = list(self.keys)
        return "\n    AND ".join(conditions), params

    def _conditions(self, prefix: str, time_column: str, time_type: str) -> tuple[list[str], Params]:
        params: Params = {"start": instant(self.start), "end": instant(self.end)}
        conditions = [
            f"{prefix}{time_column} >= {{start:{time_type}}}",
            f"{prefix}{time_column} < {{end:{time_type}}}",
        ]
        for column, wanted in (("team", self.teams), ("model", self.models), ("provider", self.providers)):
            if wanted:
                conditions.append(f"{prefix}{column} IN {{{column}s:Array(String)}}")
                params[f"{column}s"] = list(wanted)
        return conditions, params


def _joined(conditions: list[str] | tuple[str, ...]) -> list[str]:
    """One condition out of several, or none out of none."""
    return ["\n  AND ".join(conditions)] if conditions else []
