"""Keeps the versions of a call that a closed month rests on, before a higher version takes their place.

A month is closed from the 5th of the following month on, 00:00 UTC: what is logged about it later is a correction, and the
month itself stays as it was shown (`warehouse/schema/019_statements.sql`). Every step here may be repeated without harm: a
version has one row, whatever is stored how often.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from warehouse.cells import as_params, cell_of, slices
from warehouse.client import Client
from warehouse.columns import Table
from warehouse.rows import CALLS, FIRST_VERSION, Row

CLOSES_AFTER = timedelta(days=4)
"""How long a month (UTC) stays open after its end: late calls of the last days come in, invoices are not written yet."""

_KEPT = (
    "call_id",
    "started_at",
    "org",
    "team",
    "project",
    "key_id",
    "user",
    "provider",
    "model",
    "cost_usd",
    "is_priced",
    "price_version",
    "correction_reason",
    "version",
    "logged_at",
)
VERSIONS = Table(
    "call_versions",
    (*((name, kind) for name, kind in CALLS.columns if name in _KEPT), ("closes_at", "DateTime64(3, 'UTC')")),
)
_PLACES = [CALLS.names.index(name) for name in VERSIONS.names[:-1]]
_CALL_ID, _TEAM, _STARTED_AT, _VERSION, _LOGGED_AT = (
    CALLS.names.index(name) for name in ("call_id", "team", "started_at", "version", "logged_at")
)
_DAY_US = 86_400_000_000

# Without FINAL: a version that is to be replaced is as good as one that has been.
_KEY = "(team, toStartOfHour(started_at), call_id"
_WHERE = """started_at >= {start:DateTime('UTC')} AND started_at < {end:DateTime('UTC')}
  AND (team, toStartOfHour(started_at)) IN {cells:Array(Tuple(String, DateTime('UTC')))}"""
_COPY = f"""INSERT INTO call_versions ({", ".join(VERSIONS.names)})
SELECT DISTINCT {", ".join(VERSIONS.names[:-1])}, fromUnixTimestamp64Milli({{closes:Int64}}, 'UTC')
FROM calls_raw
WHERE {_WHERE}
  AND {_KEY}) IN (SELECT {_KEY[1:]} FROM call_versions WHERE {_WHERE})
  AND {_KEY}, version, logged_at) NOT IN (SELECT {_KEY[1:]}, version, logged_at FROM call_versions WHERE {_WHERE})"""


def closing(year: int, month: int) -> datetime:
    """From when on (UTC) the month is closed."""
    first = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return first + CLOSES_AFTER


class Versions:
    """`call_versions` of one warehouse. Blocks."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keep(self, rows: Sequence[Row]) -> None:
        """Call before `rows` (of `CALLS`) are stored. What they will replace, and what of them has to be told apart later,
        is kept when it returns. Raises WarehouseUnavailable or WarehouseRefused."""
        for closes_ms, of_month in _by_closing(rows):
            special = {
                row[_CALL_ID]
                for row in of_month
                if row[_VERSION] > FIRST_VERSION or row[_LOGGED_AT] >= closes_ms
            }
            if special:
                self._keep([row for row in of_month if row[_CALL_ID] in special], closes_ms)

    def _keep(self, rows: Sequence[Row], closes_ms: int) -> None:
        kept = [(*(row[place] for place in _PLACES), closes_ms) for row in rows]
        self._client.insert(VERSIONS, list(zip(*kept, strict=True)))
        for part in slices({cell_of(row[_TEAM], row[_STARTED_AT]) for row in rows}):
            self._client.execute(_COPY, {**as_params(part), "closes": closes_ms})


def _by_closing(rows: Sequence[Row]) -> Iterator[tuple[int, list[Row]]]:
    """The rows of each month in which calls started, and when it is closed (milliseconds since 1970)."""
    found: defaultdict[int, list[Row]] = defaultdict(list)
    closings: dict[int, int] = {}
    for row in rows:
        day: Any = row[_STARTED_AT] // _DAY_US
        if (closes := closings.get(day)) is None:
            at = datetime.fromtimestamp(day * 86_400, UTC)
            closes = closings[day] = int(closing(at.year, at.month).timestamp()) * 1000
        found[closes].append(row)
    yield from sorted(found.items())
