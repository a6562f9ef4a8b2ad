"""Tables as hashes, computed where the rows are: first of whole cells, then of single rows, so that only what differs
travels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.cells import Cell, as_params
from warehouse.client import Client
from warehouse.replay.bounds import Bounds
from warehouse.rows import CALLS

POSITION_COLUMNS = frozenset({"kafka_partition", "kafka_offset", "logged_at", "time_flag"})
"""Where a row's record stood. The log may hold the same record twice (a repeat after a crash), and either may be stored."""

_ALL = ", ".join(CALLS.names)
_CONTENT = ", ".join(name for name in CALLS.names if name not in POSITION_COLUMNS)
# As a tuple: of single arguments, one NULL would make the whole hash NULL.
_ROW_HASH, _CONTENT_HASH = f"cityHash64(({_ALL}))", f"cityHash64(({_CONTENT}))"
_IN_CELLS = """started_at >= {start:DateTime('UTC')} AND started_at < {end:DateTime('UTC')}
  AND (team, toStartOfHour(started_at)) IN {cells:Array(Tuple(String, DateTime('UTC')))}"""


@dataclass(frozen=True)
class CellDigest:
    """How many calls a cell has, and the sum (modulo 2^64) of their hashes: the same whatever their order."""

    calls: int
    hash: int


@dataclass(frozen=True)
class RowDigest:
    """One call: the hash of its whole row, of the row without its position, and that position."""

    whole: int
    content: int
    partition: int
    offset: int


@dataclass(frozen=True)
class Places:
    """How many rows of a table the log no longer holds, and how many are newer than the replay."""

    rows: int
    gone: int
    newer: int


def call_cells(client: Client, bounds: Bounds | None = None) -> dict[Cell, CellDigest]:
    """Every cell that has calls (within `bounds`, where given). Blocks; reads every call once."""
    where = f"WHERE {bounds.held()}" if bounds is not None else ""
    rows = client.rows(
        f"SELECT team, intDiv(toUnixTimestamp(toStartOfHour(started_at)), 3600) AS hour, count(), sum({_ROW_HASH})"
        f" FROM calls {where} GROUP BY team, hour"
    )
    return {(team, hour): CellDigest(calls, total) for team, hour, calls, total in rows}


def call_places(client: Client, bounds: Bounds) -> Places:
    """How the calls lie to the log. Blocks."""
    ((rows, gone, newer),) = client.rows(
        f"SELECT count(), countIf({bounds.gone()}), countIf({bounds.newer()}) FROM calls"
    )
    return Places(rows, gone, newer)


def call_rows(client: Client, cells: Sequence[Cell]) -> dict[tuple[str, str], RowDigest]:
    """The calls of some cells, by team and id; `cells` as few as `warehouse.cells.slices` gives. Blocks."""
    rows = client.rows(
        f"SELECT team, call_id, {_ROW_HASH}, {_CONTENT_HASH}, kafka_partition, kafka_offset FROM calls WHERE {_IN_CELLS}",
        as_params(cells),
    )
    return {(team, call_id): RowDigest(*digest) for team, call_id, *digest in rows}


def call_columns(client: Client, team: str, call_id: str) -> dict[str, Any]:
    """One whole row by column, empty where there is none. Blocks."""
    rows = client.rows(
        f"SELECT {_ALL} FROM calls WHERE team = {{team:String}} AND call_id = {{call_id:String}}",
        {"team": team, "call_id": call_id},
    )
    return dict(zip(CALLS.names, rows[0], strict=True)) if rows else {}


def hourly_cells(client: Client) -> dict[Cell, CellDigest]:
    """The rollup's cells, by what they sum up to; when they were computed does not count. Blocks."""
    rows = client.rows(
        "SELECT team, intDiv(toUnixTimestamp(hour), 3600) AS number, sum(calls),"
        f" sum(cityHash64(({', '.join(_hourly_columns(client))}))) FROM spend_hourly GROUP BY team, number"
    )
    return {(team, hour): CellDigest(calls, total) for team, hour, calls, total in rows}


def _hourly_columns(client: Client) -> list[str]:
    rows = client.rows(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'spend_hourly'"
        " AND name != 'computed_at' ORDER BY position",
        {"database": client.database},
    )
    return [name for (name,) in rows]
