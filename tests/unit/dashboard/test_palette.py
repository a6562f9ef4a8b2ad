"""Colours can be told apart, stay with their team, and texts can be read on both pages."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from dashboard.palette import DARK, LIGHT, OKABE_ITO, Scheme, contrast, scheme_named, team_colours

TEAMS = st.lists(st.text(max_size=5), unique=True, max_size=30)


@given(TEAMS, TEAMS)
def test_a_new_team_changes_nobodys_colour(teams: list[str], newer: list[str]) -> None:
    before = team_colours(teams, LIGHT)
    after = team_colours([*teams, *newer], LIGHT)
    assert {team: after[team] for team in teams} == before


def test_the_first_fourteen_teams_have_colours_of_their_own() -> None:
    for scheme in (LIGHT, DARK):
        colours = team_colours([f"team{n}" for n in range(14)], scheme)
        assert len(set(colours.values())) == 14
        assert list(colours.values())[:7] == list(OKABE_ITO)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=lambda scheme: scheme.name)
def test_texts_and_lines_can_be_read(scheme: Scheme) -> None:
    for text in (scheme.text, scheme.muted, scheme.limit):
        assert contrast(text, scheme.surface) >= 4.5
    assert contrast(scheme.accent, scheme.surface) >= 3


def test_the_scheme_is_light_unless_it_is_known() -> None:
    assert scheme_named("dark") is DARK
    assert scheme_named("light") is LIGHT
    assert scheme_named({"x": 1}) is scheme_named(None) is scheme_named("sepia") is LIGHT


def test_contrast_is_the_known_ratio() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
