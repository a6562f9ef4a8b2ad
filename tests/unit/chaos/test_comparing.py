"""The chaos run's comparison finds what it is there to find: consistent books agree, and each way to spoil them is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway_shim.simulation.ledger import ServedCall
from gateway_shim.simulation.usage import ServedUsage
from ingest.events.calls import BudgetRef, CallFinished, CallStarted, Outcome
from ingest.events.charges import ChargeSettled, SourcePosition
from ingest.events.costs import CallCosted
from ingest.usage import TokenUsage
from tests.builders import a_call_costed
from tests.chaos.comparing import Books, expected_cost, faults
from tests.chaos.load import Saw, Try
from tests.chaos.log_books import LogBooks, Place, Told
from tests.chaos.other_books import OtherBooks
from tests.chaos.people import People
from tests.chaos.prices import TOKENS
from tests.chaos.serving import BY_CLIENT, BY_PROVIDER, ERRORS, EXACT, LOST, OPEN, UNSERVED, Serving

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
REF = BudgetRef("amber-month", "0/2026-11-01T00:00:00Z")
USAGE = TokenUsage(input_tokens=1000, output_tokens=300)
MONEY = ("cost_usd", "input_cost_usd", "cache_cost_usd", "output_cost_usd")


def costed(name: str, **changes: Any) -> CallCosted:
    """A call of gpt-4o with its true cost."""
    fields: dict[str, Any] = {
        "call_id": name,
        "team": "amber",
        "tags": {"ref": name},
        "budgets": (REF,),
        "started_at": AT,
        "response_model": "gpt-4o-2024-08-06",
        "response_id": f"answer-{name}",
    }
    event = a_call_costed(**(fields | changes))
    usd = expected_cost(event.finished) or Decimal(0)
    cost = msgspec.structs.replace(
        event.cost, cost_usd=usd, input_cost_usd=usd, cache_cost_usd=Decimal(0), output_cost_usd=Decimal(0)
    )
    return CallCosted(event.finished, cost)


def told(topic: str, offset: int, event: object) -> Told:
    return Told(Place(topic, 0, offset), event, "test", int(AT.timestamp() * 1000))


def row_of(event: CallCosted) -> dict[str, Any]:
    finished, call = event.finished, event.finished.call
    usage = finished.usage or TokenUsage()
    return {
        "call_id": call.call_id,
        "team": call.who.team,
        "hour": "2026-11-24 12:00:00",
        "org": "default",
        "project": "",
        "provider": call.provider,
        "model": finished.model,
        "outcome": finished.outcome.value,
        "is_estimated": finished.is_estimated,
        **{name: getattr(usage, name) for name in TOKENS},
        **{name: f"{getattr(event.cost, name):f}" for name in MONEY},
    }


def books(*events: CallCosted) -> Books:
    """Everybody's, in agreement about `events`."""
    log = LogBooks()
    for offset, event in enumerate(events):
        call_id = event.finished.call.call_id
        log.finished[call_id].append(told("llm.calls", offset, event.finished))
        log.costed[call_id].append(told("llm.costs", offset, event))
        charge = ChargeSettled(
            REF.budget_id, REF.window, call_id, event.cost.cost_usd, SourcePosition(0, offset), AT
        )
        log.charges.append(told("budget.charges", offset, charge))
    total = sum((event.cost.cost_usd for event in events), Decimal(0))
    log.balances[REF.budget_id, REF.window] = total
    rows = [row_of(event) for event in events]
    group = {
        name: rows[0][name] for name in ("team", "hour", "org", "project", "provider", "model", "outcome")
    }
    sums = {name: sum(row[name] for row in rows) for name in TOKENS}
    usd = {name: f"{sum(Decimal(row[name]) for row in rows):f}" for name in MONEY}
    shown = {"spent": f"{total}", "window_start": "2026-11-01T00:00:00Z"}
    other = OtherBooks(
        rows={row["call_id"]: row for row in rows},
        row_count=len(rows),
        rollup=[{**group, **sums, **usd, "calls": len(rows)}],
        budgets={REF.budget_id: [dict(shown), dict(shown)]},
    )
    return Books(log, other, People(month_budgets={"amber": REF.budget_id}))


def test_books_that_agree_have_no_faults() -> None:
    assert list(faults(books(costed("a"), costed("b", input_tokens=7)))) == []


def _forget_row(b: Books) -> None:
    del b.other.rows["a"]
    b.other.row_count -= 1


def _charge_again(b: Books) -> None:
    event: Any = b.log.charges[0].event
    again = msgspec.structs.replace(event, source=SourcePosition(0, 99))
    b.log.charges.append(told("budget.charges", 99, again))


def _cost_differently(b: Books) -> None:
    event: Any = b.log.costed["a"][0].event
    cost = msgspec.structs.replace(event.cost, cost_usd=event.cost.cost_usd + Decimal("1e-12"))
    b.log.costed["a"] = [told("llm.costs", 0, CallCosted(event.finished, cost))]


def _end_without_cost(b: Books) -> None:
    b.log.finished["c"].append(told("llm.calls", 9, costed("c").finished))


SPOILED: dict[str, Callable[[Books], object]] = {
    "a costed call is not in the warehouse": _forget_row,
    "a row differs": lambda b: b.other.rows["a"].update(output_tokens=301),
    "the view has 3 rows of 2": lambda b: setattr(b.other, "row_count", 3),
    "the rollup of": lambda b: b.other.rollup[0].update(calls=1),
    "the rollup has no group": lambda b: b.other.rollup.clear(),
    "the charges come to": _charge_again,
    "the ledger comes to": lambda b: b.log.balances.update({(REF.budget_id, REF.window): Decimal("0.1")}),
    "the gateways show different": lambda b: b.other.budgets[REF.budget_id][0].update(spent="9"),
    "by genai-prices itself": _cost_differently,
    "never costed": _end_without_cost,
    "costed twice, and differently": lambda b: b.log.costed["a"].append(
        told("llm.costs", 9, costed("a", input_tokens=1))
    ),
    "is garbage and not among the dead letters": lambda b: b.log.garbage.append(Place("llm.calls", 0, 7)),
    "is a dead letter although": lambda b: b.log.dead_letters.update({Place("llm.calls", 0, 8): "why"}),
    "is no event": lambda b: b.log.unreadable.append(Place("llm.calls", 0, 8)),
}


@pytest.mark.parametrize("says", SPOILED)
def test_each_way_to_spoil_the_books_is_told(says: str) -> None:
    spoiled = books(costed("a"), costed("b", input_tokens=7))
    SPOILED[says](spoiled)
    assert any(says in fault.what for fault in faults(spoiled))


def served(ref: str, **changes: Any) -> ServedCall:
    fields: dict[str, Any] = {
        "at": AT.isoformat(),
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "asked_model": "gpt-4o",
        "operation": "chat",
        "request_id": "r",
        "response_id": f"answer-{ref}",
        "stream": False,
        "outcome": "ok",
        "status": 200,
        "usage": ServedUsage(1000, output_tokens=300),
        "ref": ref,
    }
    return ServedCall(**(fields | changes))


def tried(ref: str, saw: Saw, call_id: str = "") -> Try:
    return Try(ref, "gateway", "amber", "/openai", 0, saw, 200, call_id, 0.0, 1.0)


def compared(
    event: CallCosted | None, answer: ServedCall | None, saw: Saw, *, is_open: bool = False
) -> Serving:
    log = books(event).log if event else LogBooks()
    if event and is_open:
        log.finished.clear()
        log.costed.clear()
        log.started["a"] = told("llm.calls", 0, CallStarted(event.finished.call))
    serving = Serving(log, [answer] if answer else [], [tried("a", saw)])
    serving.compare()
    return serving


ABORTED: dict[str, Any] = {"outcome": Outcome.ABORTED, "is_estimated": True}
CUT: dict[str, Any] = {"outcome": "aborted", "usage": ServedUsage(1000, output_tokens=9)}
EXCUSED: list[tuple[str, CallCosted | None, ServedCall | None, Saw]] = [
    (EXACT, costed("a"), served("a"), Saw.WHOLE),
    (EXACT, costed("a"), served("a"), Saw.BROKEN),
    (BY_CLIENT, costed("a", **ABORTED), served("a", **CUT, aborted_by="client"), Saw.HUNG_UP),
    (BY_PROVIDER, costed("a", **ABORTED), served("a", **CUT, aborted_by="provider"), Saw.BROKEN),
    (LOST, costed("a", **ABORTED, error_type="gateway_lost"), served("a"), Saw.BROKEN),
    (
        ERRORS,
        costed("a", outcome=Outcome.ERROR, usage=None),
        served("a", outcome="error", usage=ServedUsage()),
        Saw.ERROR,
    ),
    (UNSERVED, costed("a", outcome=Outcome.REFUSED, usage=None), None, Saw.REFUSED),
    (UNSERVED, costed("a", **ABORTED), None, Saw.HUNG_UP),
]


@pytest.mark.parametrize(("kind", "event", "answer", "saw"), EXCUSED)
def test_what_can_be_excused_is_counted_by_its_excuse(
    kind: str, event: CallCosted, answer: ServedCall, saw: Saw
) -> None:
    serving = compared(event, answer, saw)
    assert serving.faults == []
    ((name, group),) = serving.groups.items()
    assert name.startswith(kind)
    assert group.calls == 1


def test_a_call_that_nobody_ended_is_counted_and_its_bill_is_shown() -> None:
    serving = compared(costed("a"), served("a"), Saw.BROKEN, is_open=True)
    assert serving.faults == []
    assert serving.groups[OPEN].their_usd > 0
    assert serving.groups[OPEN].our_usd == 0


INEXCUSABLE: list[tuple[str, CallCosted | None, ServedCall | None, Saw]] = [
    ("nobody has heard of it", None, served("a"), Saw.WHOLE),
    ("the provider know nothing", costed("a"), None, Saw.WHOLE),
    ("the provider counted", costed("a"), served("a", usage=ServedUsage(1001, output_tokens=300)), Saw.WHOLE),
    ("by the provider's count", costed("a"), served("a", model="gpt-4o-mini"), Saw.WHOLE),
    ("the provider's answer is", costed("a"), served("a", response_id="another"), Saw.WHOLE),
    ("the client saw", costed("a", **ABORTED), served("a"), Saw.WHOLE),
    ("the client saw", costed("a", **ABORTED, error_type="gateway_lost"), served("a"), Saw.WHOLE),
    ("the client saw", costed("a", outcome=Outcome.ERROR), served("a"), Saw.ERROR),
    ("the client saw", costed("a"), None, Saw.BROKEN),
]


@pytest.mark.parametrize(("says", "event", "answer", "saw"), INEXCUSABLE)
def test_what_cannot_be_excused_is_a_fault(
    says: str, event: CallCosted | None, answer: ServedCall | None, saw: Saw
) -> None:
    assert any(says in fault.what for fault in compared(event, answer, saw).faults)


def test_an_answer_that_was_passed_on_and_never_recorded_is_a_fault() -> None:
    assert compared(costed("a"), served("a"), Saw.WHOLE, is_open=True).faults


def test_what_is_there_twice_is_a_fault() -> None:
    once = [costed("a")]
    twice = Serving(books(*once).log, [served("a"), served("a")], [tried("a", Saw.WHOLE)])
    twice.compare()
    assert "2 times" in twice.faults[0].what
    double = Serving(
        books(costed("a"), costed("b", tags={"ref": "a"})).log, [served("a")], [tried("a", Saw.WHOLE)]
    )
    double.compare()
    assert "2 calls of ours" in double.faults[0].what


def test_a_call_that_costs_nothing_and_one_without_a_price_are_different_things() -> None:
    refused: CallFinished = costed("a", outcome=Outcome.REFUSED).finished
    unknown = costed("b", response_model="atlas", model="atlas").finished
    assert expected_cost(refused) == 0
    assert expected_cost(unknown) is None
