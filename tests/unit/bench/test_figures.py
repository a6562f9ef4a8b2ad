"""The arithmetic of the measurements."""

import os

import pytest
from hypothesis import given, strategies as st

from bench.figures import Block, Round, blocking, level, median_of, percentile, table
from bench.procfs import cpu_seconds, resident_mb

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


def a_round(answered: int, sending_s: float, whole_s: float) -> Round:
    return Round(8, answered, 0, sending_s, whole_s, [1.0, 2.0, 30.0])


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (1.0, 4), (0.25, 1), (0.0, 1)])
def test_percentiles_are_values_that_were_measured(share: float, value: int) -> None:
    assert percentile([4, 1, 3, 2], share) == value


@given(VALUES, st.floats(0, 1))
def test_a_percentile_leaves_at_least_its_share_below(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no values were measured"):
        percentile([], 0.5)


def test_a_call_counts_as_sustained_once_it_is_stored() -> None:
    each = a_round(answered=1000, sending_s=4.0, whole_s=5.0)
    assert (each.answered_per_s, each.sustained_per_s, each.drain_s) == (250.0, 200.0, 1.0)


def test_a_level_is_the_median_of_its_rounds() -> None:
    found = level([a_round(1000, 4.0, 5.0), a_round(400, 4.0, 4.0), a_round(4000, 4.0, 8.0)])
    assert found["sustained/s"] == 200
    assert found["answered/s"] == 250
    assert (found["p50 ms"], found["p99 ms"]) == (2, 30)


def test_blocks_by_percentile() -> None:
    found = blocking([Block(float(number), number % 3) for number in range(1, 101)])
    assert (found["budgets"], found["p50 ms"], found["p99 ms"], found["max ms"]) == (100, 50, 99, 100)
    assert found["let through max"] == 2


def test_medians_are_by_name() -> None:
    assert median_of([{"a": 1.0, "b": 5.0}, {"a": 3.0, "b": 1.0}, {"a": 2.0, "b": 3.0}]) == {
        "a": 2.0,
        "b": 3.0,
    }


def test_a_table_is_aligned() -> None:
    lines = table([{"calls": 12345.0, "p50 ms": 1.234}, {"calls": 7.0, "p50 ms": 123.4}]).splitlines()
    assert lines == [" calls  p50 ms", "12,345    1.23", "     7     123"]


def test_processor_time_of_this_process_and_of_one_that_has_ended() -> None:
    # The kernel counts in hundredths.
    assert cpu_seconds([os.getpid()]) == pytest.approx(sum(os.times()[:4]), abs=0.1)
    assert cpu_seconds([2**22 + 1]) == 0


def test_memory_of_this_process_and_of_one_that_has_ended() -> None:
    assert 5 < resident_mb([os.getpid()]) < 5000
    assert resident_mb([2**22 + 1]) == 0
