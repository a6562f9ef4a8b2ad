from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from ingest.errors import InvalidInput
from streams.reprice.selection import Portion, hours_sql, portion_sql, portions, selection

HOUR = datetime(2026, 11, 1, tzinfo=UTC)


def test_both_days_are_included() -> None:
    chosen = selection("2026-11-01", "2026-11-01")
    assert (chosen.start, chosen.end) == (HOUR, HOUR + timedelta(days=1))


def test_without_words_all_calls_are_meant() -> None:
    assert selection("", "").describe() == "all calls"
    told = selection("2026-11-01", "2026-11-30", model="m", team="t", provider="p").describe()
    assert told == "team t, model m, provider p, from 2026-11-01, to 2026-11-30"


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        ("2026-11-02", "2026-11-01", "--from 2026-11-02 lies after --to 2026-11-01"),
        ("yesterday", "", "--from 'yesterday' is no day such as 2026-11-01"),
        ("", "2026-02-30", "--to '2026-02-30' is no day"),
        ("1999-01-01", "", "outside of the years 2000 to 2099"),
    ],
)
def test_what_is_no_period_is_refused(first: str, last: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        selection(first, last)


def test_names_are_bound_and_never_become_sql() -> None:
    sql, params = hours_sql(selection("", "", model="'; DROP", team="a", provider="p"))
    assert "DROP" not in sql
    assert {name: params[name] for name in ("model", "team", "provider")} == {
        "model": "'; DROP",
        "team": "a",
        "provider": "p",
    }


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 20))
def test_portions_hold_every_hour_once_and_not_too_many_calls(calls: list[int], most: int) -> None:
    hours = [(HOUR + timedelta(hours=2 * number), count) for number, count in enumerate(calls)]
    found = list(portions(hours, most))
    for hour, count in hours:
        its = [portion for portion in found if portion.start <= hour < portion.end]
        if count > most:
            assert [portion.part for portion in its] == list(range(len(its)))
            assert {portion.parts for portion in its} == {len(its)}
        else:
            assert len(its) == 1
    assert all(portion.calls <= most for portion in found)


def test_a_part_of_a_busy_hour_is_asked_for_by_a_hash() -> None:
    sql, params = portion_sql(selection("", ""), Portion(HOUR, HOUR + timedelta(hours=1), 5, 1, 3))
    assert "cityHash64(call_id) % {parts:UInt64} = {part:UInt64}" in sql
    assert (params["part"], params["parts"], params["from"]) == (1, 3, "2026-11-01 00:00:00")
