from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, strategies as st

from warehouse.cells import as_params, cell_of, slices
from warehouse.rows import micros

CELLS = st.sets(st.tuples(st.text(max_size=300), st.integers(300_000, 300_500)), max_size=300)


def test_a_cell_is_an_hour_of_a_team() -> None:
    at = datetime(2026, 11, 24, 12, 59, 59, 999_999, tzinfo=UTC)
    cell = cell_of("search", micros("", at))
    assert as_params([cell]) == {
        "cells": [("search", "2026-11-24 12:00:00")],
        "start": "2026-11-24 12:00:00",
        "end": "2026-11-24 13:00:00",
    }


def test_the_bounds_are_those_of_all_cells() -> None:
    params = as_params([("b", 24), ("a", 0), ("c", 30)])
    assert (params["start"], params["end"]) == ("1970-01-01 00:00:00", "1970-01-02 07:00:00")


@given(CELLS)
def test_slices_hold_every_cell_once_and_fit_into_a_url(cells: set[tuple[str, int]]) -> None:
    parts = list(slices(cells))
    assert sorted(cell for part in parts for cell in part) == sorted(cells)
    for part in parts:
        assert 0 < len(part) <= 100
        assert len(part) == 1 or sum(len(team.encode()) + 40 for team, _ in part) <= 4000
