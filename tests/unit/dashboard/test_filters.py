"""A link says what is shown: canonical, complete, and harmless whatever somebody writes into it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from dashboard.filters import (
    DEFAULT,
    EARLIEST,
    LATEST,
    MAX_DAYS,
    MAX_NAME_LENGTH,
    MAX_NAMES,
    Filters,
    Range,
    custom,
    decode,
    encode,
    sorted_names,
)

NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=MAX_NAME_LENGTH), max_size=6
).map(sorted_names)


@st.composite
def filters(draw: st.DrawFn) -> Filters:
    names: dict[str, Any] = {field: draw(NAMES) for field in ("teams", "providers", "models", "keys")}
    chosen = draw(st.sampled_from(Range))
    if chosen != Range.CUSTOM:
        return Filters(range=chosen, **names)
    first = draw(st.dates(EARLIEST, LATEST - timedelta(days=MAX_DAYS)))
    last = first + timedelta(days=draw(st.integers(0, MAX_DAYS - 1)))
    return Filters(range=chosen, first=first, last=last, **names)


@given(filters())
def test_a_link_gives_the_same_filters_again(wanted: Filters) -> None:
    assert decode(encode(wanted)) == (wanted, ())


@given(filters())
def test_a_canonical_link_is_its_own_canonical_form(wanted: Filters) -> None:
    again, _ = decode(encode(wanted))
    assert encode(again) == encode(wanted)


@given(st.text() | st.none() | st.text("?&=vrangeteamfodkys%+-0123456789.").map(lambda text: f"?{text}"))
def test_no_link_is_too_strange(search: str | None) -> None:
    found, notices = decode(search)
    assert decode(encode(found)) == (found, ())
    assert all(notice.endswith(".") and "\n" not in notice for notice in notices)


@pytest.mark.parametrize("search", [None, "", "?"])
def test_no_link_is_the_month_to_date(search: str | None) -> None:
    assert decode(search) == (DEFAULT, ())
    assert Filters(range=Range.MONTH_TO_DATE) == DEFAULT


def test_a_link_is_readable() -> None:
    wanted = Filters(
        range=Range.CUSTOM,
        first=date(2026, 11, 1),
        last=date(2026, 11, 15),
        teams=("", "search & co"),
        models=("gpt-4o",),
    )
    link = "?v=1&range=custom&from=2026-11-01&to=2026-11-15&team=&team=search+%26+co&model=gpt-4o"
    assert encode(wanted) == link
    assert decode(link) == (wanted, ())


def test_the_order_of_a_link_does_not_matter_and_names_count_once() -> None:
    found, notices = decode("?team=b&range=7d&team=a&v=1&team=b")
    assert found == Filters(range=Range.WEEK, teams=("a", "b"))
    assert notices == ()


@pytest.mark.parametrize(
    ("search", "notice"),
    [
        ("?range=year", "There is no period “year”: showing the month to date."),
        ("?utm_source=x", "The link has an unknown part “utm_source”: it is ignored."),
        ("?v=2", "The link is of version “2”, not 1: parts may be missing."),
        ("?from=2026-11-01", "The link names days and a period: the period is shown."),
        ("?range=custom&from=2026-11-01", "The link names no two days such as from=2026-11-01&to=2026-11-30"),
        ("?range=custom&from=2026-W01&to=20261130", "The link names no two days"),
        ("?range=custom&from=2026-11-30&to=2026-11-01", "The period starts on 2026-11-30, after its end"),
        ("?range=custom&from=0001-01-01&to=9999-12-31", "Days lie between 2020-01-01 and 2099-12-31"),
        ("?range=custom&from=2024-01-01&to=2026-01-01", "The period has 732 days, more than 366"),
        (f"?team={'x' * 201}", "cannot be the name of a team: it is ignored."),
        ("?key=a%00b", "“a�b” cannot be the name of a key: it is ignored."),
        ("?" + "&".join(f"model=m{n}" for n in range(60)), "The link names 60 models, more than 50"),
        ("?" + "team=x&" * 4000, "The link has 28,001 characters, more than 16,000: it is ignored."),
    ],
)
def test_what_cannot_be_used_is_left_out_and_said(search: str, notice: str) -> None:
    found, notices = decode(search)
    assert [text for text in notices if notice in text], notices
    assert found.range == Range.MONTH_TO_DATE
    assert len(found.models) <= MAX_NAMES
    assert found.teams == found.keys == ()


def test_one_bad_part_does_not_spoil_the_others() -> None:
    found, notices = decode("?range=30d&team=search&bogus=1")
    assert found == Filters(range=Range.MONTH, teams=("search",))
    assert len(notices) == 1


def test_the_longest_period_is_a_leap_year() -> None:
    first = date(2024, 1, 1)
    assert custom(first, first + timedelta(days=MAX_DAYS - 1))[1] == ""
    assert custom(first, first + timedelta(days=MAX_DAYS))[0] == DEFAULT


def test_filters_know_whether_they_cut() -> None:
    assert not Filters(range=Range.TODAY).is_narrowed
    assert Filters(keys=("",)).is_narrowed
