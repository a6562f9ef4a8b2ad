"""Who is let through: the folds of keys, budgets and their states, and the decision over them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway_shim.admission import Admitted, Refused, decide
from gateway_shim.budget_state import BudgetStates
from gateway_shim.registry import Registry
from ingest.attribution import Attribution, BudgetScope
from ingest.directory import hash_key
from ingest.events.calls import BudgetRef
from ingest.events.governance import BudgetDefined, BudgetDeleted, KeyIssued, KeyRevoked
from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.budgets import Budget
from ingest.money import usd

NOW = datetime(2026, 11, 24, 23, 59, 30, tzinfo=UTC)
WHO = Attribution(team="search", user="ada", tags={"feature": "x"})


def a_budget(name: str = "b", window: str = "day", **changes: Any) -> Budget:
    budget = Budget(name, BudgetScope(team="search"), usd("10"), window, NOW - timedelta(days=3))
    return msgspec.structs.replace(budget, **changes)


def registry_of(*budgets: Budget) -> Registry:
    registry = Registry()
    for budget in budgets:
        registry.apply(BudgetDefined(budget, NOW))
    return registry


def a_state(
    registry: Registry, budget: Budget, status: BudgetStatus, at: datetime = NOW
) -> BudgetStateChanged:
    window = registry.window(budget, at)
    return BudgetStateChanged(budget, window.id, status, usd("10"), usd(0), at, window.end)


def decided(registry: Registry, states: BudgetStates, at: datetime = NOW) -> Admitted | Refused:
    return decide(registry.balances(WHO, "openai", "gpt-4o", at), states, at)


def test_without_budgets_everything_goes() -> None:
    assert decided(registry_of(), BudgetStates()) == Admitted()


def test_an_admitted_call_names_every_balance_it_falls_under() -> None:
    registry = registry_of(
        a_budget("day"), a_budget("total", "total", epoch=2), a_budget("other", scope=BudgetScope(team="ads"))
    )
    assert decided(registry, BudgetStates()) == Admitted(
        (
            BudgetRef("day", "0/2026-11-24T00:00:00Z"),
            BudgetRef("total", "2/2026-11-21T23:59:30Z"),
        )
    )


@pytest.mark.parametrize("status", [BudgetStatus.OPEN, BudgetStatus.WARNED, BudgetStatus.DELETED])
def test_only_a_block_blocks(status: BudgetStatus) -> None:
    budget = a_budget()
    registry, states = registry_of(budget), BudgetStates()
    states.apply(a_state(registry, budget, BudgetStatus.BLOCKED))
    assert isinstance(decided(registry, states), Refused)
    states.apply(a_state(registry, budget, status))
    assert isinstance(decided(registry, states), Admitted)


def test_a_refusal_says_which_budget_and_when_it_opens() -> None:
    budget = a_budget("search-day")
    registry, states = registry_of(budget), BudgetStates()
    states.apply(a_state(registry, budget, BudgetStatus.BLOCKED))
    refused = decided(registry, states)
    assert refused == Refused(
        (BudgetRef("search-day", "0/2026-11-24T00:00:00Z"),),
        "Budget 'search-day' of $10.00 for team search is spent; it resets at 2026-11-25T00:00:00Z.",
        30,
    )


def test_the_longest_block_is_told() -> None:
    day, month, total = a_budget("day"), a_budget("month", "month"), a_budget("total", "total")
    registry, states = registry_of(day, month, total), BudgetStates()
    states.apply(a_state(registry, day, BudgetStatus.BLOCKED))
    states.apply(a_state(registry, month, BudgetStatus.BLOCKED))
    refused = decided(registry, states)
    assert isinstance(refused, Refused)
    assert refused.message.startswith("Budget 'month' (and 1 more) of $10.00")
    assert refused.retry_after_s == 6 * 86_400 + 30
    states.apply(a_state(registry, total, BudgetStatus.BLOCKED))
    refused = decided(registry, states)
    assert isinstance(refused, Refused)
    assert "does not reset by itself" in refused.message
    assert refused.retry_after_s is None


def test_a_new_window_and_a_reset_open_by_themselves() -> None:
    budget = a_budget()
    registry, states = registry_of(budget), BudgetStates()
    states.apply(a_state(registry, budget, BudgetStatus.BLOCKED))
    assert isinstance(decided(registry, states, NOW + timedelta(seconds=29.999)), Refused)
    assert isinstance(decided(registry, states, NOW + timedelta(seconds=30)), Admitted)
    assert isinstance(decided(registry, states, NOW), Refused), (
        "an earlier instant is judged by its own window"
    )
    registry.apply(BudgetDefined(msgspec.structs.replace(budget, epoch=1), NOW))
    assert isinstance(decided(registry, states), Admitted)


def test_deleted_budgets_and_other_scopes_do_not_count() -> None:
    budget = a_budget()
    registry, states = registry_of(budget), BudgetStates()
    states.apply(a_state(registry, budget, BudgetStatus.BLOCKED))
    assert registry.balances(Attribution(team="ads"), "openai", "gpt-4o", NOW) == []
    assert isinstance(decided(registry, states), Refused)
    registry.apply(BudgetDeleted(budget, NOW))
    assert isinstance(decided(registry, states), Admitted)


def test_tags_are_part_of_the_question() -> None:
    registry = registry_of(a_budget(scope=BudgetScope(tag="feature=x")))
    assert registry.balances(WHO, "openai", "m", NOW)
    assert not registry.balances(Attribution(team="search", tags={"feature": "y"}), "openai", "m", NOW)
    assert registry.balances(WHO, "openai", "m", NOW)


def test_a_state_tells_whether_it_changed_anything_for_calls() -> None:
    budget = a_budget()
    registry, states = registry_of(budget), BudgetStates()
    assert states.apply(a_state(registry, budget, BudgetStatus.WARNED)) is False
    assert states.apply(a_state(registry, budget, BudgetStatus.BLOCKED)) is True
    assert states.apply(a_state(registry, budget, BudgetStatus.BLOCKED)) is False
    tomorrow = NOW + timedelta(days=1)
    assert states.apply(a_state(registry, budget, BudgetStatus.BLOCKED, tomorrow)) is True
    assert states.apply(a_state(registry, budget, BudgetStatus.OPEN, tomorrow)) is True
    assert states.state("b", registry.window(budget, NOW)) is None


def test_keys_are_known_by_their_hash_until_revoked() -> None:
    registry = Registry()
    issued = KeyIssued("key-1", hash_key("sk-1"), "search", NOW)
    assert registry.holder(b"sk-1") is None
    registry.apply(issued)
    assert registry.holder(b"sk-1") == issued
    assert registry.holder(issued.key_hash.encode()) is None, "the hash is not the key"
    registry.apply(KeyRevoked("key-1", NOW))
    assert registry.holder(b"sk-1") is None


def test_a_limit_of_cents_is_shown_as_it_is() -> None:
    budget = a_budget(limit_usd=Decimal("0.05"))
    registry, states = registry_of(budget), BudgetStates()
    states.apply(a_state(registry, budget, BudgetStatus.BLOCKED))
    refused = decided(registry, states)
    assert isinstance(refused, Refused)
    assert "$0.050" in refused.message
