"""Charts draw what the frames say, to the cent in what a hover shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from dashboard.budget_rows import Ceiling
from dashboard.figures import (
    OTHER_TEAMS,
    cumulative_spend,
    running_total,
    spend_by_team,
    team_series,
)
from dashboard.filters import Filters, Range
from dashboard.palette import DARK, LIGHT, team_colours
from dashboard.periods import period_of
from ingest.money import usd
from tests.unit.dashboard.frames import NOW, at, frame
from warehouse.queries.spend import Bucket, SpendByTeam, SpendOverTime

PERIOD = period_of(Filters(), NOW)
TODAY = period_of(Filters(range=Range.TODAY), NOW)


def by_team(*rows: tuple[datetime, str, str]) -> Any:
    return frame(SpendByTeam.columns, [(bucket, team, 1, usd(cost)) for bucket, team, cost in rows])


def over_time(*rows: tuple[datetime, str]) -> Any:
    return frame(SpendOverTime.columns, [(bucket, 1, usd(cost)) for bucket, cost in rows])


def test_bars_are_stacked_by_team_dearest_first_in_their_own_colours() -> None:
    spend = by_team((at(23), "code", "1.25"), (at(23), "search", "10"), (at(24), "search", "0.0032"))
    colours = team_colours(["code", "search"], LIGHT)
    figure = spend_by_team(spend, PERIOD, colours, LIGHT)
    assert figure.layout.barmode == "stack"
    assert [trace.name for trace in figure.data] == ["search", "code"]
    search, code = figure.data
    assert list(search.y) == [10.0, 0.0032]
    assert list(search.customdata) == ["$10.00", "$0.0032"]
    assert (search.marker.color, code.marker.color) == (colours["search"], colours["code"])


def test_the_unfinished_day_is_hatched_and_no_other() -> None:
    spend = by_team((at(22), "search", "1"), (at(23), "search", "1"), (at(24), "search", "1"))
    (trace,) = spend_by_team(spend, PERIOD, {}, LIGHT).data
    assert list(trace.marker.pattern.shape) == ["", "", "/"]
    (trace,) = spend_by_team(by_team((at(24, 9), "x", "1"), (at(24, 10), "x", "1")), TODAY, {}, LIGHT).data
    assert list(trace.marker.pattern.shape) == ["", "/"]


def test_a_bar_without_neighbours_is_as_wide_as_one_among_many() -> None:
    (alone,) = spend_by_team(by_team((at(24), "code", "1")), PERIOD, {}, LIGHT).data
    (first, *_) = spend_by_team(
        by_team(*((at(day), "code", "1") for day in (22, 23, 24))), PERIOD, {}, LIGHT
    ).data
    assert alone.width == first.width == pytest.approx(0.78 * 24 * 60 * 60 * 1000)
    (hour,) = spend_by_team(by_team((at(24, 9), "code", "1")), TODAY, {}, LIGHT).data
    assert hour.width == pytest.approx(0.78 * 60 * 60 * 1000)


def test_many_teams_share_one_bar_from_the_eighth_on() -> None:
    spend = by_team(*((at(24), f"team{n}", str(100 - n)) for n in range(10)))
    series = team_series(spend)
    assert list(series) == [*(f"team{n}" for n in range(7)), OTHER_TEAMS]
    assert series[OTHER_TEAMS] == {at(24): Decimal(93 + 92 + 91)}
    assert spend_by_team(spend, PERIOD, {}, LIGHT).data[-1].name == "other teams"


@given(
    st.lists(
        st.tuples(
            st.integers(1, 24).map(at),
            st.sampled_from([f"team{n}" for n in range(12)]),
            st.decimals(0, 1000, places=12),
        ),
        unique_by=lambda row: row[:2],
        max_size=60,
    )
)
def test_no_cent_is_lost_between_the_teams(rows: list[tuple[datetime, str, Decimal]]) -> None:
    spend = frame(SpendByTeam.columns, [(bucket, team, 1, usd(cost)) for bucket, team, cost in rows])
    drawn = sum((sum(amounts.values()) for amounts in team_series(spend).values()), Decimal(0))
    assert drawn == sum((usd(cost) for _, _, cost in rows), Decimal(0))


def test_a_teams_name_is_text_and_not_markup() -> None:
    (trace,) = spend_by_team(by_team((at(24), "<b>x</b>", "1")), PERIOD, {}, LIGHT).data
    assert trace.name == "&lt;b&gt;x&lt;/b&gt;"


def test_the_running_total_is_flat_without_calls_and_ends_now() -> None:
    points = running_total(over_time((at(2, 5), "1.5"), (at(24, 10), "0.25")), PERIOD, Bucket.HOUR)
    assert points == [
        (at(1), Decimal(0)),
        (at(2, 5), Decimal(0)),
        (at(2, 6), Decimal("1.5")),
        (at(24, 10), Decimal("1.5")),
        (NOW, Decimal("1.75")),
    ]


def test_the_running_total_of_a_past_period_ends_with_it() -> None:
    past = period_of(Filters(range=Range.CUSTOM, first=at(1).date(), last=at(2).date()), NOW)
    points = running_total(over_time((at(1, 3), "2")), past, Bucket.HOUR)
    assert points[-1] == (at(3), Decimal(2))


@given(
    st.lists(
        st.tuples(st.integers(0, 23 * 24 + 10), st.decimals(0, 100, places=12)),
        unique_by=lambda r: r[0],
        max_size=40,
    )
)
def test_the_running_total_only_rises_and_ends_at_the_sum(rows: list[tuple[int, Decimal]]) -> None:
    hours = sorted(rows)
    spend = frame(SpendOverTime.columns, [(at(1) + timedelta(hours=h), 1, usd(cost)) for h, cost in hours])
    points = running_total(spend, PERIOD, Bucket.HOUR)
    assert points == sorted(points)
    assert [amount for _, amount in points] == sorted(amount for _, amount in points)
    assert points[-1] == (NOW, sum((usd(cost) for _, cost in hours), Decimal(0)))


def test_the_budget_is_drawn_as_a_limit_and_an_even_pace_towards_it() -> None:
    ceiling = Ceiling(usd("100"), at(1), at(1, month=12), "budget company", usd("40"))
    figure = cumulative_spend([(at(1), usd(0)), (NOW, usd(40))], PERIOD, ceiling, DARK)
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines["even pace"] == [0, 100.0]
    assert lines["limit"] == [100.0, 100.0]
    assert [note.text for note in figure.layout.annotations] == ["budget company: $100.00", "even pace"]
    assert figure.layout.xaxis.range[1] == datetime(2026, 12, 1)


def test_without_a_budget_there_is_one_line() -> None:
    figure = cumulative_spend([(at(1), usd(0)), (NOW, usd(40))], PERIOD, None, LIGHT)
    assert [trace.name for trace in figure.data] == ["spent", "now"]


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_a_month_of_hours_is_a_small_figure(scheme: Any) -> None:
    hours = over_time(*((at(1) + timedelta(hours=h), "1.234567890123") for h in range(24 * 31)))
    month = period_of(
        Filters(range=Range.CUSTOM, first=at(1).date(), last=at(30).date()), datetime(2027, 1, 1, tzinfo=UTC)
    )
    size = len(cumulative_spend(running_total(hours, month, Bucket.HOUR), month, None, scheme).to_json())
    teams = by_team(*((at(day), f"team{n}", "1.5") for day in range(1, 31) for n in range(12)))
    size_of_bars = len(spend_by_team(teams, month, {}, scheme).to_json())
    assert max(size, size_of_bars) < 200_000
    assert (
        json.loads(spend_by_team(teams, month, {}, scheme).to_json())["layout"]["font"]["color"]
        == scheme.text
    )


@pytest.mark.parametrize(
    ("top", "shown"), [("0.0004", ".6f"), ("0.2", ".2f"), ("3", ".2f"), ("80", ",.0f"), ("25000", "~s")]
)
def test_ticks_have_the_places_that_the_amounts_need(top: str, shown: str) -> None:
    figure = spend_by_team(by_team((at(24), "a", top)), PERIOD, {}, LIGHT)
    assert figure.layout.yaxis.tickformat.endswith(shown)
