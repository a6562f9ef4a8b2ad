"""Cells of the rollup: one hour of one team, and how many of them one statement takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from warehouse.client import Params

Cell = tuple[str, int]
"""A team, and the whole hours from 1970 to the hour's beginning (UTC)."""

_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CELLS_A_STATEMENT = 100
_BYTES_A_STATEMENT = 4000  # of cells: they travel in the URL


def cell_of(team: str, started_at_us: int) -> Cell:
    """The cell of a call that started so many microseconds after 1970."""
    return team, started_at_us // _HOUR_US


def slices(cells: Collection[Cell]) -> Iterator[list[Cell]]:
    """`cells`, by hour, in lists small enough for one statement each."""
    part, size = list[Cell](), 0
    for cell in sorted(cells, key=lambda cell: (cell[1], cell[0])):
        own = len(cell[0].encode()) + 40
        if part and (len(part) == _CELLS_A_STATEMENT or size + own > _BYTES_A_STATEMENT):
            yield part
            part, size = [], 0
        part.append(cell)
        size += own
    if part:
        yield part


def as_params(cells: Sequence[Cell]) -> Params:
    """`cells:Array(Tuple(String, DateTime('UTC')))`, and `start` and `end`, the hours between which they lie."""
    hours = [hour for _, hour in cells]
    return {
        "cells": [(team, _stamp(hour)) for team, hour in cells],
        "start": _stamp(min(hours)),
        "end": _stamp(max(hours) + 1),
    }


def _stamp(hour: int) -> str:
    return (_EPOCH + timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M:%S")
