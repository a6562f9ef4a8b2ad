"""The filter bar and the link say the same; what a control sends is as hostile as a link."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, strategies as st

from dashboard import controls
from dashboard.filters import DEFAULT, Filters, Range, decode, encode
from dashboard.periods import period_of
from dashboard.wiring import is_same
from tests.unit.dashboard.frames import NOW, frame
from tests.unit.dashboard.test_filters import filters
from warehouse.queries.filters import AvailableNames

SHOWN = period_of(Filters(range=Range.WEEK), NOW)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(filters())
def test_the_controls_give_the_filters_that_they_show(wanted: Filters) -> None:
    shown = controls.control_values(wanted)
    found, notices = controls.filters_from_controls(shown["range"], shown["dates"], shown, SHOWN)
    assert (found, notices) == (wanted, ())


@given(ANYTHING, ANYTHING, st.fixed_dictionaries(dict.fromkeys(controls.DIMENSIONS, ANYTHING)))
def test_no_payload_is_too_strange(period: Any, days: Any, names: dict[str, Any]) -> None:
    found, _ = controls.filters_from_controls(period, days, names, SHOWN)
    assert decode(encode(found)) == (found, ())


def test_days_of_ones_own_begin_with_the_period_shown() -> None:
    found, notices = controls.filters_from_controls("custom", None, {}, SHOWN)
    assert found == Filters(range=Range.CUSTOM, first=date(2026, 11, 18), last=date(2026, 11, 24))
    assert notices == ()


def test_half_a_choice_of_days_keeps_what_is_shown_and_too_long_a_one_is_refused() -> None:
    found, _ = controls.filters_from_controls("custom", ["2026-11-03", None], {}, SHOWN)
    assert found.first == date(2026, 11, 18)
    found, notices = controls.filters_from_controls("custom", ["2021-01-01", "2026-01-01"], {}, SHOWN)
    assert found == DEFAULT
    assert "1,827 days" in notices[0]


NAMES = frame(
    AvailableNames.columns,
    [
        ("team", "search", 1),
        ("team", "", 0),
        ("provider", "openai", 1),
        ("model", "gpt-4o", 1),
        ("key", "k1", 1),
    ],
)


def test_choices_are_what_the_period_has_and_what_is_chosen() -> None:
    chosen = Filters(teams=("gone",), keys=("k1",))
    offered = controls.options(NAMES, chosen)
    assert [choice["label"] for choice in offered["team"]] == ["search", "(no team)", "gone – no calls"]
    assert [choice["label"] for choice in offered["key"]] == ["k1"]
    values = [choice["value"] for choices in offered.values() for choice in choices]
    assert len(set(offered["team"][0])) == 2
    assert all(values), "a select takes no empty value"


def test_a_name_that_no_call_carries_is_said() -> None:
    assert controls.strangers(NAMES, Filters(teams=("gone", "search"), models=("gpt-5",))) == (
        "No call of this period has the team “gone”.",
        "No call of this period has the model “gpt-5”.",
    )
    assert controls.strangers(frame(AvailableNames.columns, []), Filters()) == ()


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Filters(), ""),
        (Filters(range=Range.WEEK), ""),
        (Filters(teams=("a",)), "1 filter"),
        (Filters(teams=("a", "b"), keys=("k",)), "3 filters"),
    ],
)
def test_the_button_counts_the_filters(chosen: Filters, words: str) -> None:
    assert controls.in_words(chosen) == words


@pytest.mark.parametrize(
    ("value", "old", "same"),
    [
        ([], None, True),
        (None, [None, None], True),
        (None, [], True),
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        ([], ["a"], False),
        ("7d", "mtd", False),
    ],
)
def test_a_control_is_told_only_what_it_does_not_show(value: Any, old: Any, same: bool) -> None:
    assert is_same(value, old) is same
