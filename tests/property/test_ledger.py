"""The ledger against a plain sum: repeats, rewinds, restarts and interleavings change nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

from hypothesis import given, settings, strategies as st

from ingest.events.charges import (
    BudgetCharge,
    BudgetRevised,
    ChargeCorrected,
    ChargeSettled,
    SourcePosition,
)
from ingest.events.states import BudgetStateChanged
from ingest.governance.budgets import Budget
from ingest.governance.windows import window_at
from streams.budgets.balance import Balance, Charge
from streams.budgets.ledger import BalanceKey, Ledger
from streams.budgets.pacing import Pacer
from streams.budgets.periods import window_named
from streams.budgets.standing import NO_CALL, Standing, state_of, status_of
from tests.builders import a_budget
from tests.strategies import INSTANTS, budgets

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAYS = tuple(NOW + timedelta(days=n) for n in range(3))
BUDGETS = tuple(
    a_budget(name=name, window=window, limit_usd=Decimal(limit), created_at=NOW)
    for name, window, limit in (("a", "day", "5"), ("b", "PT6H", "0"), ("c", "total", "100"))
)


@st.composite
def emitted(draw: st.DrawFn) -> list[Charge]:
    """What pricing and correcting put on `budget.charges`: the charges of each partition of calls and of costs in order, a
    stretch of them again after each restart, and the partitions interleaved anyhow. Both kinds of partition have the same
    numbers."""
    emissions: list[list[Charge]] = []
    for kind, partition in product((charges_at, corrections_at), range(draw(st.integers(1, 3)))):
        charges = [draw(kind(partition, offset)) for offset in range(draw(st.integers(0, 8)))]
        sent: list[Charge] = []
        position = 0
        while position < len(charges):
            end = draw(st.integers(position + 1, len(charges)))
            sent += [charge for one in charges[position:end] for charge in one]
            position = draw(st.integers(max(0, end - 4), end)) if draw(st.booleans()) else end
        emissions.append(sent)
    log = []
    while any(emissions):
        log.append(draw(st.sampled_from([one for one in emissions if one])).pop(0))
    return log


@st.composite
def charges_at(draw: st.DrawFn, partition: int, offset: int) -> list[Charge]:
    """The charges of one call: none, or one for each of several budgets."""
    finished = draw(st.sampled_from(DAYS)) + timedelta(hours=draw(st.integers(0, 23)))
    amount = draw(st.decimals(Decimal("0.000000000001"), Decimal(3), places=12))
    return [
        ChargeSettled(
            budget.name,
            window_at(budget, finished).id,
            f"{partition}/{offset}",
            amount,
            SourcePosition(partition, offset),
            finished,
        )
        for budget in draw(st.lists(st.sampled_from(BUDGETS), max_size=3, unique_by=lambda b: b.name))
    ]


@st.composite
def corrections_at(draw: st.DrawFn, partition: int, offset: int) -> list[Charge]:
    """What one correction of a call brings: up or down, on each of several budgets."""
    corrected_at = draw(st.sampled_from(DAYS)) + timedelta(hours=draw(st.integers(0, 23)))
    delta = draw(st.decimals(-3, 3, places=12))
    return [
        ChargeCorrected(
            budget.name,
            window_at(budget, draw(st.sampled_from(DAYS))).id,
            f"corrected {partition}/{offset}",
            delta,
            SourcePosition(partition, offset),
            corrected_at,
        )
        for budget in draw(st.lists(st.sampled_from(BUDGETS), max_size=3, unique_by=lambda b: b.name))
    ]


@dataclass
class Store:
    """What the tables hold: the entries and the position, each written when the test says so."""

    balances: dict[BalanceKey, Balance] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    position: int = 0

    def save(self, ledger: Ledger) -> None:
        changes = ledger.take_changes()
        self.standings |= changes.standings
        for key, balance in changes.balances.items():
            if balance is None:
                self.balances.pop(key, None)
            else:
                self.balances[key] = balance

    def restored(self) -> Ledger:
        return Ledger(self.balances.items(), self.standings.items())


def plain_sums(log: list[Charge]) -> dict[BalanceKey, Decimal]:
    """Each charge once, however often it was emitted."""
    once = {
        (c.budget_id, c.window, c.call_id): c.amount_usd if isinstance(c, ChargeSettled) else c.delta_usd
        for c in log
    }
    sums: dict[BalanceKey, Decimal] = defaultdict(Decimal)
    for (budget, window, _), amount in once.items():
        sums[BalanceKey(budget, window)] += amount
    return dict(sums)


DEFINITIONS: list[BudgetCharge] = [BudgetRevised(budget, NOW) for budget in BUDGETS]


@given(emitted())
def test_balances_are_the_plain_sum(log: list[Charge]) -> None:
    ledger = Ledger()
    for charge in log:
        ledger.apply(charge)
    assert {key: ledger.balance(key).spent_usd for key in plain_sums(log)} == plain_sums(log)


@given(emitted(), st.data())
@settings(max_examples=300)
def test_a_ledger_that_is_stopped_anywhere_ends_where_it_would_have_ended(
    log: list[Charge], data: st.DataObject
) -> None:
    everything = [*DEFINITIONS, *log]
    undisturbed = Ledger()
    for event in everything:
        undisturbed.apply(event)

    store, ledger, pacer = Store(), Ledger(), Pacer()
    published: dict[str, BudgetStateChanged] = {}
    position, moment = 0, 0.0
    while position < len(everything):
        end = data.draw(st.integers(position + 1, len(everything)), label="read up to")
        for event in everything[position:end]:
            ledger.apply(event)
        position = end
        fate = data.draw(st.sampled_from(["stored", "only states", "only entries", "crash"]), label="then")
        if fate in ("stored", "only states"):
            moment += data.draw(st.sampled_from([0.0, 0.05, 1.0]), label="seconds pass")
            publish(ledger, pacer, moment, published)
        if fate in ("stored", "only entries"):
            store.save(ledger)
        if fate == "stored":
            store.position = position
        else:
            ledger, pacer = store.restored(), Pacer()
            position = data.draw(st.integers(0, store.position), label="begin again at")
    publish(ledger, pacer, moment + 0.001, published)
    publish(ledger, pacer, moment + 1.0, published)

    sums = plain_sums(log)
    assert {key: ledger.balance(key).spent_usd for key in sums} == sums
    for budget in BUDGETS:
        standing, state = undisturbed.standing(budget.name), published[budget.name]
        assert standing is not None
        assert ledger.standing(budget.name) == standing
        spent = sums.get(BalanceKey(budget.name, standing.window.id), Decimal(0))
        assert (state.window, state.spent_usd) == (standing.window.id, spent)
        assert state.status is status_of(budget, spent)


def publish(ledger: Ledger, pacer: Pacer, now: float, published: dict[str, BudgetStateChanged]) -> None:
    offered = [pacer.offer(state, now) for state in ledger.take_states(NOW)]
    for state in [*(s for s in offered if s is not None), *pacer.due(now)]:
        published[state.budget.name] = state


@given(emitted(), st.integers(0, 10))
def test_it_does_not_matter_when_the_definitions_come(log: list[Charge], late: int) -> None:
    definitions_first, definitions_late = Ledger(), Ledger()
    for event in [*DEFINITIONS, *log]:
        definitions_first.apply(event)
    for event in [*log[:late], *DEFINITIONS, *log[late:]]:
        definitions_late.apply(event)
    for budget in BUDGETS:
        standing = definitions_first.standing(budget.name)
        assert definitions_late.standing(budget.name) == standing


@given(emitted())
def test_what_is_stored_is_enough(log: list[Charge]) -> None:
    store, ledger = Store(), Ledger()
    for event in [*DEFINITIONS, *log]:
        ledger.apply(event)
        store.save(ledger)
    again = store.restored()
    for event in [*DEFINITIONS, *log]:
        again.apply(event)
    assert {key: again.balance(key) for key in plain_sums(log)} == {
        key: ledger.balance(key) for key in plain_sums(log)
    }


@given(budgets(), INSTANTS)
def test_every_window_of_a_budget_is_known_by_its_name(budget: Budget, at: datetime) -> None:
    window = window_at(budget, at)
    assert window_named(budget, window.id) == window


@given(st.decimals(0, 1000, places=6), st.decimals(0, 1000, places=6))
def test_a_state_is_blocked_exactly_when_the_limit_is_reached(limit: Decimal, spent: Decimal) -> None:
    budget = a_budget(limit_usd=limit)
    standing = Standing(budget, window_at(budget, NOW))
    state = state_of(standing, Balance(spent_usd=spent), NO_CALL, NOW)
    assert (state.status.value == "blocked") == (spent >= limit)
    assert state.overshoot_usd == max(Decimal(0), spent - limit)
    assert list(state.warned_at) == [share for share in budget.warn_at if spent >= share * limit]
