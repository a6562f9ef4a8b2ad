"""Every figure of the Overview, asked from a real engine, equals one computed independently from the very calls."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from dashboard.cards import frame as framing, kpis
from dashboard.cards.card import Shown, View
from dashboard.comparison import usual_by_now
from dashboard.filters import MAX_NAME_LENGTH, MAX_NAMES, Filters
from dashboard.pages import overview
from dashboard.palette import LIGHT
from dashboard.periods import cut_of, period_of
from ingest.attribution import BudgetScope
from ingest.events.calls import Outcome
from ingest.events.costs import CallCosted
from ingest.events.states import BudgetStatus
from ingest.money import ZERO, usd
from tests.builders import a_budget, a_budget_state, a_call_costed, corrected
from tests.fixtures.dashboard import report_progress, store_calls, store_states
from warehouse.client import Client
from warehouse.queries.budgets import CurrentBudgets
from warehouse.queries.cut import Cut
from warehouse.queries.filters import AvailableNames, TeamsBySeniority
from warehouse.queries.freshness import Activity, PipelineProgress, SimulatedCalls
from warehouse.queries.spend import (
    Bucket,
    SpendByTeam,
    SpendOnWeekday,
    SpendOverTime,
    SpendTotals,
    TopKeys,
    TopModels,
    TopTeams,
)
from warehouse.reader import ClickHouseReader

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 10, 42, 7, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 25, tzinfo=UTC)
TEAMS = ("search", "code", "", 'it\'s \\ a "team"\n; DROP TABLE calls')
MODELS = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("gemini", "gemini-2.5-flash"),
    ("mistral", "größe"),
)
KEYS = ("key-1", "key-2", "", "{keys:Array(String)}")
OUTCOMES = (Outcome.OK, Outcome.OK, Outcome.OK, Outcome.REFUSED, Outcome.ERROR, Outcome.ABORTED)


def some_calls(count: int = 400) -> list[CallCosted]:
    """Calls of ten weeks up to now, of every kind; the same ones every time."""
    chance = random.Random(20261124)
    calls = []
    for number in range(count):
        provider, model = chance.choice(MODELS)
        outcome = chance.choice(OUTCOMES)
        is_free = outcome in (Outcome.REFUSED, Outcome.ERROR)
        tokens = 0 if is_free else chance.randrange(1, 100_000)
        is_priced = chance.random() > 0.05
        cost = ZERO if is_free or not is_priced else usd(f"{chance.randrange(10**12)}e-12")
        calls.append(
            a_call_costed(
                call_id=f"call-{number}",
                started_at=NOW - timedelta(seconds=chance.randrange(70 * 86_400)),
                team=chance.choice(TEAMS),
                key_id=chance.choice(KEYS),
                provider=provider,
                model=model,
                response_model=model,
                outcome=outcome,
                input_tokens=tokens,
                cache_read_tokens=tokens // 3,
                output_tokens=tokens // 7,
                is_estimated=chance.random() < 0.1,
                is_priced=is_priced,
                cost_usd=cost,
            )
        )
    return calls


class Truth:
    """The same calls, added up in Python."""

    def __init__(self, calls: Iterable[CallCosted]) -> None:
        self.calls = list(calls)

    def within(self, cut: Cut) -> Truth:
        return Truth(event for event in self.calls if _is_within(event, cut))

    def totals(self) -> dict[str, Any]:
        outcomes = [event.finished.outcome for event in self.calls]
        usages = [event.finished.usage for event in self.calls]
        return {
            "calls": len(self.calls),
            "refused_calls": outcomes.count(Outcome.REFUSED),
            "failed_calls": outcomes.count(Outcome.ERROR) + outcomes.count(Outcome.ABORTED),
            "input_tokens": sum(usage.input_tokens for usage in usages if usage),
            "cache_read_tokens": sum(usage.cache_read_tokens for usage in usages if usage),
            "output_tokens": sum(usage.output_tokens for usage in usages if usage),
            "cost_usd": sum((event.cost.cost_usd for event in self.calls), ZERO),
            "unpriced_calls": sum(not event.cost.is_priced for event in self.calls),
            "estimated_calls": sum(event.finished.is_estimated for event in self.calls),
        }

    def by(self, key: Callable[[CallCosted], Any]) -> dict[Any, dict[str, Any]]:
        groups: dict[Any, list[CallCosted]] = defaultdict(list)
        for event in self.calls:
            groups[key(event)].append(event)
        return {name: Truth(events).totals() for name, events in groups.items()}


def _is_within(event: CallCosted, cut: Cut) -> bool:
    call = event.finished.call
    return cut.start <= call.started_at < cut.end and all(
        not wanted or value in wanted
        for value, wanted in (
            (call.who.team, cut.teams),
            (event.finished.model, cut.models),
            (call.provider, cut.providers),
            (call.who.key_id, cut.keys),
        )
    )


CUTS = {
    "all": Cut(START, END),
    "ever": Cut(START - timedelta(days=80), END),
    "a team": Cut(START, END, teams=("search",)),
    "nobody's": Cut(START, END, teams=("",)),
    "hostile": Cut(START, END, teams=TEAMS[3:], keys=KEYS[3:]),
    "models": Cut(START, END, models=("gpt-4o", "größe")),
    "a provider and a key": Cut(START, END, providers=("openai",), keys=("key-1",)),
    "keys": Cut(START, END, keys=("key-1", "")),
    "nothing": Cut(START, END, teams=("no such team",)),
}


@pytest.fixture
def truth(warehouse: Client) -> Truth:
    calls = some_calls()
    store_calls(warehouse, calls)
    # What the log repeats, and what was costed anew, changes no sum but its own.
    fixed = corrected(calls[7], cost_usd="0.123456789012")
    store_calls(warehouse, [calls[3], calls[3], fixed])
    return Truth([*calls[:7], CallCosted(fixed.finished, fixed.cost), *calls[8:]])


@pytest.fixture
def reader(warehouse: Client) -> ClickHouseReader:
    return ClickHouseReader(lambda: warehouse)


def records(frame: Any) -> list[dict[str, Any]]:
    return [
        {k: v.to_pydatetime() if hasattr(v, "to_pydatetime") else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def hour_of(event: CallCosted) -> datetime:
    return event.finished.call.started_at.replace(minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("name", CUTS)
def test_totals_and_groups_are_exact(truth: Truth, reader: ClickHouseReader, name: str) -> None:
    cut = CUTS[name]
    calls = truth.within(cut)
    assert records(reader.read(SpendTotals(cut))) == [calls.totals()]

    teams = {row.pop("team"): row for row in records(reader.read(TopTeams(cut)))}
    assert teams == calls.by(lambda event: event.finished.call.who.team)

    models = {
        (row.pop("provider"), row.pop("model")): row for row in records(reader.read(TopModels(cut, 100)))
    }
    assert models == calls.by(lambda event: (event.finished.call.provider, event.finished.model))

    keys = calls.by(lambda event: (event.finished.call.who.key_id, event.finished.call.who.team))
    found = {(row["key_id"], row["team"]): row for row in records(reader.read(TopKeys(cut, 100)))}
    assert {key: (row["cost_usd"], row["calls"], row["refused_calls"]) for key, row in found.items()} == {
        key: (sums["cost_usd"], sums["calls"], sums["refused_calls"]) for key, sums in keys.items()
    }
    costs = [row["cost_usd"] for row in found.values()]
    assert costs == sorted(costs, reverse=True)

    by_hour = calls.by(lambda event: (hour_of(event), event.finished.call.who.team))
    rows = records(reader.read(SpendByTeam(cut, Bucket.HOUR)))
    assert {(row["bucket"], row["team"]): row["cost_usd"] for row in rows} == {
        key: sums["cost_usd"] for key, sums in by_hour.items()
    }

    by_day = calls.by(lambda event: hour_of(event).replace(hour=0))
    rows = records(reader.read(SpendOverTime(cut, Bucket.DAY)))
    assert [(row["bucket"], row["calls"], row["cost_usd"]) for row in rows] == [
        (day, sums["calls"], sums["cost_usd"]) for day, sums in sorted(by_day.items())
    ]


def test_what_is_usual_is_the_median_of_the_same_weekdays(truth: Truth, reader: ClickHouseReader) -> None:
    today = NOW.replace(hour=0, minute=0, second=0)
    cut = Cut(today - timedelta(weeks=8), today)
    frame = reader.read(SpendOnWeekday(cut, weekday=NOW.isoweekday(), hour=NOW.hour))
    usual = usual_by_now(frame, NOW)
    amounts = []
    for week in range(1, 9):
        day = today - timedelta(weeks=week)
        whole = Truth(truth.calls).within(Cut(day, day + timedelta(hours=10))).totals()["cost_usd"]
        part = (
            Truth(truth.calls)
            .within(Cut(day + timedelta(hours=10), day + timedelta(hours=11)))
            .totals()["cost_usd"]
        )
        amounts.append(whole + part * Decimal(42 * 60 + 7) / 3600)
    assert usual is not None
    assert usual.amount == usd(median(amounts))


def test_names_to_choose_from(truth: Truth, reader: ClickHouseReader) -> None:
    cut = CUTS["ever"]
    found: dict[str, set[str]] = defaultdict(set)
    for row in records(reader.read(AvailableNames(cut))):
        found[row["dimension"]].add(row["name"])
    assert found == {
        "team": set(TEAMS),
        "provider": {provider for provider, _ in MODELS},
        "model": {model for _, model in MODELS},
        "key": set(KEYS),
    }
    first = truth.by(lambda event: event.finished.call.who.team)
    assert set(reader.read(TeamsBySeniority())["team"]) == set(first)
    hours = reader.read(TeamsBySeniority())["first_hour"].tolist()
    assert hours == sorted(hours)


def test_simulated_calls_are_found_in_their_period_only(warehouse: Client, reader: ClickHouseReader) -> None:
    store_calls(
        warehouse,
        [a_call_costed(started_at=START, tags={"simulated": "true"}), a_call_costed(started_at=NOW)],
    )
    for cut, expected in ((CUTS["all"], 1), (Cut(START + timedelta(days=1), END), 0)):
        assert int(reader.read(SimulatedCalls(cut)).iloc[0]["simulated"]) == expected


def test_the_month_the_page_shows_is_the_sum_of_its_calls(
    warehouse: Client, truth: Truth, reader: ClickHouseReader
) -> None:
    company = a_budget(
        name="company", scope=BudgetScope(org="default"), limit_usd=Decimal(500), created_at=START
    )
    blocked = a_budget(name="small", limit_usd=Decimal(1), created_at=START)
    store_states(
        warehouse,
        [
            a_budget_state(budget=company, spent_usd=usd("1"), changed_at=NOW - timedelta(hours=1)),
            a_budget_state(budget=company, spent_usd=usd("77.25"), changed_at=NOW),
            a_budget_state(budget=blocked, spent_usd=usd("1.5"), status=BudgetStatus.BLOCKED),
            a_budget_state(budget=a_budget(name="gone"), status=BudgetStatus.DELETED),
        ],
    )
    report_progress(warehouse, NOW)
    view = View(Filters(), period_of(Filters(), NOW), NOW, LIGHT)
    expected = truth.within(cut_of(view.filters, view.period)).totals()
    assert (
        kpis.totals_of(reader.read(SpendTotals(cut_of(view.filters, view.period)))).cost_usd
        == expected["cost_usd"]
    )
    for card in overview.create_page("http://127.0.0.1:8080").cards[1:]:
        assert isinstance(framing.ask(card, reader, view), Shown), card.id
    names = reader.read(CurrentBudgets())["name"].tolist()
    assert names == ["small", "company"]
    assert int(reader.read(Activity()).iloc[0]["calls"]) == len(truth.calls)
    assert len(reader.read(PipelineProgress())) == 1


def test_as_many_names_as_a_link_may_hold_can_be_asked_for(
    warehouse: Client, reader: ClickHouseReader
) -> None:
    store_calls(warehouse, [a_call_costed(team="é" * MAX_NAME_LENGTH, started_at=NOW)])
    names = tuple("é" * (MAX_NAME_LENGTH - n) for n in range(MAX_NAMES))
    cut = Cut(START, END, teams=names, models=("gpt-4o",))
    assert int(reader.read(SpendTotals(cut)).iloc[0]["calls"]) == 1


def test_an_empty_warehouse_answers_everything(reader: ClickHouseReader, warehouse: Client) -> None:
    assert warehouse.rows("SELECT count() FROM calls") == [(0,)]
    view = View(Filters(keys=("k",)), period_of(Filters(), NOW), NOW, LIGHT)
    for card in overview.create_page("http://127.0.0.1:8080").cards:
        framing.ask(card, reader, view)
