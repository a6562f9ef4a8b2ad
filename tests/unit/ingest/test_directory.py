from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ingest.attribution import Attribution, BudgetScope
from ingest.directory import Directory, entity_key, hash_key
from ingest.events.governance import (
    BudgetDefined,
    BudgetDeleted,
    GovernanceEvent,
    KeyIssued,
    KeyRevoked,
    TeamDefined,
)
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceListAdopted, PriceOverridden, PriceScope
from ingest.governance.budgets import Budget

AT = datetime(2026, 11, 24, tzinfo=UTC)
WHO = Attribution(team="search", project="web", key_id="k1", user="ada", tags={"env": "prod", "beta": ""})


def budget(name: str, **scope: str) -> Budget:
    return Budget(name, BudgetScope(**scope), Decimal(1), "month", AT)


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"team": "search"}, True),
        ({"team": "other"}, False),
        ({"org": "default"}, True),
        ({"key": "k1"}, True),
        ({"user": "ada", "model": "gpt-4o"}, True),
        ({"user": "ada", "model": "gpt-5"}, False),
        ({"tag": "env=prod"}, True),
        ({"tag": "env=test"}, False),
        ({"tag": "beta"}, True),
        ({"tag": "gamma"}, False),
        ({"provider": "openai", "project": "web"}, True),
    ],
)
def test_a_scope_covers_what_matches_in_every_dimension(scope: dict[str, str], covered: bool) -> None:
    assert BudgetScope(**scope).covers(WHO, "openai", "gpt-4o") is covered


@pytest.mark.parametrize(
    ("budgeted", "asked", "covered"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "GPT-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o-mini", "gpt-4o", False),
        ("gpt-4o-2024-08-06", "gpt-4o", False),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        ("mistral-small", "mistral-small-latest", True),
        ("mistral-small", "mistral-small-2506", True),
        ("gemini-2.5-flash", "models/gemini-2.5-flash", True),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite", False),
        ("o3", "o3-mini", False),
    ],
)
def test_a_budget_on_a_model_is_not_evaded_by_another_spelling(
    budgeted: str, asked: str, covered: bool
) -> None:
    assert BudgetScope(model=budgeted).covers(WHO, "any", asked) is covered


def test_the_newest_event_of_an_entity_is_its_state() -> None:
    directory = Directory()
    issued = KeyIssued("k1", hash_key("secret"), "search", AT)
    for event in (issued, issued, BudgetDefined(budget("b", team="search"), AT)):
        directory.apply(event)
    assert directory.keys_by_hash[hash_key(b"secret")] == issued
    assert directory.teams == {"search"}
    assert [b.name for b in directory.budgets_for(WHO, "openai", "gpt-4o")] == ["b"]

    directory.apply(KeyRevoked("k1", AT))
    directory.apply(KeyRevoked("unknown", AT))
    directory.apply(BudgetDeleted(budget("b", team="search"), AT))
    assert not directory.keys_by_hash
    assert not directory.keys
    assert directory.budgets_for(WHO, "openai", "gpt-4o") == []


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (TeamDefined("t", AT), "team:t"),
        (KeyIssued("k", "h", "t", AT), "key:k"),
        (KeyRevoked("k", AT), "key:k"),
        (BudgetDefined(budget("b", team="t"), AT), "budget:b"),
        (BudgetDeleted(budget("b", team="t"), AT), "budget:b"),
    ],
)
def test_later_events_of_an_entity_replace_earlier_ones_on_the_compacted_topic(
    event: GovernanceEvent, key: str
) -> None:
    assert entity_key(event) == key


def test_a_deleted_budget_is_remembered_until_its_name_is_used_again() -> None:
    directory = Directory()
    directory.apply(BudgetDeleted(budget("b", team="t"), AT))
    assert directory.budgets == {}
    assert directory.retired_budgets == {"b": budget("b", team="t")}
    directory.apply(BudgetDefined(budget("b", team="t"), AT))
    assert directory.retired_budgets == {}


def test_no_event_about_prices_replaces_another_on_the_compacted_topic() -> None:
    later = AT + timedelta(seconds=1)
    rates = {"input": Decimal(1)}
    events: list[GovernanceEvent] = [
        PriceOverridden("a", PriceScope(), AT, AT, rates=rates),
        PriceOverridden("b", PriceScope(), AT, AT, rates=rates),
        PriceEnded("a", AT, AT),
        PriceEnded("a", AT, later),
        ExchangeRateSet("EUR", Decimal(1), AT, AT),
        ExchangeRateSet("EUR", Decimal(2), AT, later),
        ExchangeRateSet("EUR", Decimal(2), later, later),
        PriceListAdopted("list/1", AT),
        PriceListAdopted("list/1", later),
    ]
    assert len({entity_key(event) for event in events}) == len(events)
    directory = Directory()
    for event in [*events, *events]:
        directory.apply(event)
    assert [price.price_id for price in directory.prices.prices] == ["a", "b"]
    rate = directory.prices.exchange_rate("EUR", AT)
    assert rate is not None
    assert rate.usd == 2
