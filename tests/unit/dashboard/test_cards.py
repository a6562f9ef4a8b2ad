"""What each card says of known answers: amounts to the cent, exact in full, and honest where there is nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from dash.development.base_component import Component

from dashboard.cards import (
    budgets as budget_card,
    by_team,
    cumulative,
    frame as framing,
    keys,
    kpis,
    models,
    welcome,
)
from dashboard.cards.card import Absent, Card, Nothing, Shown, View
from dashboard.filters import Filters, Range
from dashboard.pages import overview
from ingest.money import usd
from tests.unit.dashboard.frames import FakeReader, at, budget, budgets, frame, texts, totals, view
from warehouse.errors import SchemaMissing, WarehouseRefused, WarehouseUnavailable
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.filters import TeamsBySeniority
from warehouse.queries.freshness import Activity
from warehouse.queries.spend import (
    SpendByTeam,
    SpendOnWeekday,
    SpendOverTime,
    SpendTotals,
    TopKeys,
    TopModels,
    TopTeams,
)

TEAMS = frame(TeamsBySeniority.columns, [("code", at(1, month=9)), ("search", at(2, month=9))])
SPEND = totals(
    calls=1200,
    refused_calls=20,
    failed_calls=30,
    input_tokens=3_000_000,
    cache_read_tokens=750_000,
    output_tokens=1_000_000,
    cost_usd=usd("1234.567890123456"),
    unpriced_calls=4,
    estimated_calls=4,
)


def ask(card: Card, looked_at: View | None = None, **answers: Any) -> Any:
    reader = FakeReader(
        {SpendTotals: SPEND, TeamsBySeniority: TEAMS, **{_TYPES[k]: v for k, v in answers.items()}}
    )
    return framing.ask(card, reader, looked_at or view())


_TYPES: dict[str, type] = {
    "totals": SpendTotals,
    "budgets": CurrentBudgets,
    "weekdays": SpendOnWeekday,
    "spenders": TopTeams,
    "by_team": SpendByTeam,
    "over_time": SpendOverTime,
    "models": TopModels,
    "keys": TopKeys,
    "activity": Activity,
}


def found(component: Any, identity: str) -> Component:
    """The component with this id, anywhere below."""
    parts = component if isinstance(component, list | tuple) else [component]
    for part in parts:
        if getattr(part, "id", None) == identity:
            assert isinstance(part, Component)
            return part
        children = getattr(part, "children", None)
        if children is not None and not isinstance(children, str):
            try:
                return found(children, identity)
            except LookupError:
                continue
    raise LookupError(identity)


def test_the_total_is_shown_to_the_cent_and_held_exactly() -> None:
    total: Any = found(ask(kpis.CARD).body, "total-spend")
    assert total.children == "$1,234.57"
    assert total.to_plotly_json()["props"]["data-exact-usd"] == "1234.567890123456"
    assert total.title == "exactly $1234.567890123456"


def test_the_key_figures() -> None:
    weekdays = frame(
        SpendOnWeekday.columns, [(at(day), usd("10"), usd("0"), usd("30")) for day in (3, 10, 17)]
    )
    said = texts(ask(kpis.CARD, weekdays=weekdays).body)
    for part in (
        "Spend, month to date $1,234.57",
        "±0 % on the same days of October",
        "×123 on $10.00, usual by now on Tuesdays",
        "Calls 1,200 20 refused, 30 failed or broken off",
        "Cost per 1M tokens $308.64 4.00 M tokens, $1.07 an answered call",
        "Cached input 25.0 % 750.0 k of 3.00 M input tokens read from cache",
        "Unpriced calls 4 0.3 % of calls with estimated tokens",
    ):
        assert part in said, said


def test_the_spend_is_held_against_the_budget_that_covers_it() -> None:
    company = budget(name="company", scope_dimensions={"org": "default"}, limit_usd=usd("5000"))
    said = texts(ask(kpis.CARD, budgets=budgets(company)).body)
    assert "24.7 % of $5,000.00 (budget company) $40.00 of it charged to the budget" in said
    charged = company | {"spent_usd": usd("1230")}
    assert "charged" not in texts(ask(kpis.CARD, budgets=budgets(charged)).body)
    assert "budget" not in texts(ask(kpis.CARD, budgets=budgets(budget())).body)


def test_without_calls_there_are_zeros_and_dashes_and_no_comparison() -> None:
    said = texts(ask(kpis.CARD, totals=totals()).body)
    assert "Spend, month to date $0.00 Today $0.00 no usual yet: needs 3 earlier Tuesdays" in said
    assert "Cost per 1M tokens – no tokens" in said
    assert "Cached input –" in said


def test_bars_by_team_have_words_and_a_table() -> None:
    rows = [
        (at(23), "search", 1, usd("10")),
        (at(24), "search", 1, usd("2")),
        (at(24), "code", 1, usd("3.01")),
    ]
    shown = ask(by_team.CARD, by_team=frame(SpendByTeam.columns, rows))
    assert shown.summary == "search spent most, 79.9 % of $15.01. Highest day: 23 Nov, $10.00."
    assert len(shown.figure.data) == 2
    assert texts(shown.table) == (
        "Spend by time and team, USD UTC search code 23 Nov $10.00 $0.00 24 Nov $2.00 $3.01"
    )


def test_the_running_total_says_how_far_from_an_even_pace_it_is() -> None:
    company = budget(name="company", scope_dimensions={"org": "default"}, limit_usd=usd("3000"))
    spend = frame(SpendOverTime.columns, [(at(2), 1, usd("1500"))])
    shown = ask(cumulative.CARD, over_time=spend, budgets=budgets(company))
    even = Decimal(3000) * (23 * 86_400 + 10 * 3600 + 42 * 60 + 7) / (30 * 86_400)
    assert shown.summary == f"50.0 % of $3,000.00 spent, ${even - 1500:,.2f} below an even pace."
    assert "24 Nov $1,500.00" in texts(shown.table)


def test_the_running_total_without_a_budget_says_so() -> None:
    spend = frame(SpendOverTime.columns, [(at(2), 1, usd("15"))])
    assert (
        ask(cumulative.CARD, over_time=spend).summary
        == "$15.00 in 1–24 Nov 2026; no monthly budget covers all of this."
    )
    today = view(Filters(range=Range.TODAY))
    assert ask(cumulative.CARD, today, over_time=spend).summary == "$15.00 on 24 Nov 2026."


def test_models_have_a_share_a_change_and_a_price() -> None:
    row = ("openai", "gpt-4o", 10, 0, 0, 900_000, 0, 100_000, usd("617.283945061728"), 0, 0)
    unknown = ("openai", "mine", 2, 0, 0, 5, 0, 5, usd("0"), 2, 0)
    shown = ask(models.CARD, models=frame(TopModels.columns, [row, unknown]))
    said = texts(shown.body)
    assert "gpt-4o openai $617.28 50.0 % ±0 % 10 1.00 M $617.28" in said
    assert "mine openai 2 unpriced $0.00 0.0 % – 2 10 –" in said
    assert shown.summary == "Change is on the same days of October, up to the same hour."


def test_keys_are_named_by_id_with_their_team_and_age() -> None:
    rows = [
        (
            "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001",
            "search",
            7,
            2,
            1500,
            500,
            usd("123.4567890123456"),
            at(24, 10),
        ),
        ("", "", 1, 0, 0, 0, usd("0"), at(23)),
    ]
    said = texts(ask(keys.CARD, keys=frame(TopKeys.columns, rows)).body)
    assert (
        "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001 0199aa…ff0001 search $123.46 10.0 % 7 2 1.50 k 500 42 min ago"
        in said
    )
    assert "(no key) (no team) $0.00" in said


def test_budgets_say_status_amounts_and_reset() -> None:
    full = budget(name="full", status="blocked", spent_usd=usd("100.5"), overshoot_usd=usd("0.5"))
    shown = ask(budget_card.CARD, budgets=budgets(budget(), full))
    assert shown.summary == "1 blocked, 1 open"
    said = texts(shown.body)
    assert said.index("full") < said.index("search-month")
    assert "full team search blocked $100.50  of  $100.00  (100.5 %) resets in 6 d 13 h" in said


def test_a_filter_by_team_keeps_that_teams_budgets_and_those_of_all() -> None:
    rows = budgets(
        budget(),
        budget(name="code", scope_dimensions={"team": "code"}),
        budget(name="org", scope_dimensions={"org": "x"}),
    )
    said = texts(ask(budget_card.CARD, view(Filters(teams=("code",))), budgets=rows).body)
    assert "code" in said
    assert "org" in said
    assert "search-month" not in said


def test_no_budgets_is_said_with_what_to_do() -> None:
    assert ask(budget_card.CARD) == Nothing(
        "No budgets yet.", "Set one with: spendstream budgets set NAME --team TEAM --limit 500 --window month"
    )


@pytest.mark.parametrize(
    "card", [by_team.CARD, cumulative.CARD, models.CARD, keys.CARD], ids=lambda card: card.id
)
def test_no_calls_is_told_apart_from_no_match(card: Card) -> None:
    assert ask(card) == Nothing("No calls in this period.", "Choose a longer period.")
    assert ask(card, view(Filters(teams=("x",)))) == Nothing(
        "No calls match the filters.", "Reset the filters, or choose a longer period."
    )


def test_the_welcome_tells_what_to_do_until_there_is_a_call() -> None:
    card = welcome.create_card("http://127.0.0.1:8099")
    never = frame(Activity.columns, [(at(1, month=1), at(1, month=1), 0)])
    said = texts(ask(card, activity=never).body)
    assert "curl http://127.0.0.1:8099/v1/chat/completions" in said
    assert "make demo" in said
    once = frame(Activity.columns, [(at(1), at(1), 1)])
    assert ask(card, activity=once) == Absent()


PAGE = overview.create_page("http://127.0.0.1:8080")


@pytest.mark.parametrize("card", PAGE.cards, ids=lambda card: card.id)
@pytest.mark.parametrize(
    "chosen",
    [
        Filters(),
        Filters(range=Range.TODAY, keys=("k",)),
        Filters(range=Range.CUSTOM, first=at(1).date(), last=at(2).date()),
    ],
    ids=["month", "key", "past"],
)
def test_every_card_shows_something_or_says_why_not_on_an_empty_warehouse(
    card: Card, chosen: Filters
) -> None:
    shown = framing.ask(card, FakeReader(), view(chosen))
    assert isinstance(shown, Shown | Nothing | Absent)
    state, *parts = framing.outputs(card, shown, has_graph=False)
    assert state in {"shown", "empty", "absent"}
    assert len(parts) == (4 if card.has_chart else 3)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WarehouseUnavailable("http://secret@host cannot"), "The warehouse does not answer just now."),
        (SchemaMissing("no table"), "The warehouse has no tables yet; the worker makes them when it starts."),
        (WarehouseRefused("SELECT secret", 47), "The warehouse refused the question."),
        (KeyError("secret"), "This could not be shown: a fault of the dashboard."),
    ],
)
def test_an_error_is_told_without_its_details(error: Exception, said: str) -> None:
    state, message, *_ = framing.failure(by_team.CARD, error)
    assert state == "error"
    assert texts(message).startswith(said)
    assert "secret" not in texts(message)


def test_a_card_that_nobody_waits_for_does_not_show_its_error() -> None:
    assert framing.failure(PAGE.cards[0], WarehouseUnavailable("away"))[0] == "absent"
