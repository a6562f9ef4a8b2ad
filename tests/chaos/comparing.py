"""The comparison: everybody's books against one another, to the token and to the twelfth place. Pure.

Every difference is a `Fault` that names the calls concerned, so that their events can be printed. Whoever calls this
again a moment later gets another answer as long as the pipeline has not come to rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.events.calls import CallFinished, Outcome
from ingest.events.costs import CallCosted, CostCorrected
from ingest.usage import NO_USAGE
from streams.budgets.ledger import KEEP_BALANCES
from tests.chaos.correcting import BY_CHAOS
from tests.chaos.inventing import Invented
from tests.chaos.log_books import Balance, LogBooks
from tests.chaos.other_books import GROUP, SUMS, OtherBooks, Row, money
from tests.chaos.people import People
from tests.chaos.prices import TOKENS, independent_cost

ZERO = Decimal(0)
_BILLED = (Outcome.OK, Outcome.ABORTED)
_DAY_S = 86_400.0
_LATE, _AHEAD = timedelta(days=35), timedelta(minutes=5)


@dataclass(frozen=True)
class Fault:
    """One difference."""

    what: str
    calls: tuple[str, ...] = ()


@dataclass
class Books:
    """Everybody's."""

    log: LogBooks
    other: OtherBooks
    people: People
    invented: Mapping[str, Invented] = field(default_factory=dict)


def faults(books: Books) -> Iterator[Fault]:
    """Every difference within our own books: log, prices, warehouse, rollup, budgets, dead letters."""
    yield from _log_faults(books.log)
    yield from _price_faults(books.log)
    yield from _correction_faults(books.log)
    yield from _warehouse_faults(books)
    yield from _rollup_faults(books.other)
    yield from _budget_faults(books)
    yield from _letter_faults(books)
    yield from _invented_faults(books)


def _log_faults(log: LogBooks) -> Iterator[Fault]:
    for call_id in log.finished:
        if call_id not in log.costed:
            yield Fault("a call has ended and was never costed", (call_id,))
    for call_id, told in log.costed.items():
        if call_id not in log.finished:
            yield Fault("a call was costed that never ended", (call_id,))
        elif any(again.event != told[0].event for again in told[1:]):
            yield Fault("a call was costed twice, and differently", (call_id,))
    for place in log.unreadable:
        yield Fault(f"{place} is no event, and nobody of ours has put it there")


def _price_faults(log: LogBooks) -> Iterator[Fault]:
    """Each call's cost by genai-prices' own arithmetic, from the usage that was recorded."""
    for call_id, told in log.costed.items():
        event = told[0].event
        assert isinstance(event, CallCosted)
        expected = expected_cost(event.finished)
        found = event.cost.cost_usd if event.cost.is_priced else None
        if expected != found:
            yield Fault(f"a call costs {found}, and {expected} by genai-prices itself", (call_id,))


def _correction_faults(log: LogBooks) -> Iterator[Fault]:
    """What the pipeline corrects by itself, since a call ended after it had been given up, is priced as any other."""
    for call_id, corrections in log.corrected.items():
        for event in (told.event for told in corrections):
            if not isinstance(event, CostCorrected) or event.reason == BY_CHAOS:
                continue
            if (expected := expected_cost(event.finished)) != event.cost.cost_usd:
                yield Fault(f"a correction says {event.cost.cost_usd}, genai-prices {expected}", (call_id,))


def expected_cost(finished: CallFinished) -> Decimal | None:
    """USD; None where nothing can be priced."""
    if finished.outcome not in _BILLED:
        return ZERO
    if finished.usage is None:
        return None
    counts = {name: getattr(finished.usage, name) for name in TOKENS}
    if not any(counts.values()):
        return ZERO
    models = (finished.response_model, finished.call.model)
    return independent_cost(finished.call.provider, models, counts, finished.call.started_at)


def _warehouse_faults(books: Books) -> Iterator[Fault]:
    log, other = books.log, books.other
    if other.row_count != len(other.rows):
        yield Fault(f"the view has {other.row_count} rows of {len(other.rows)} calls")
    for call_id in other.rows.keys() - log.costed.keys():
        yield Fault("a call stands in the warehouse that was never costed", (call_id,))
    for call_id in log.costed:
        row = other.rows.get(call_id)
        if row is None:
            yield Fault("a costed call is not in the warehouse", (call_id,))
            continue
        finished, cost = log.cost(call_id)
        usage = finished.usage or NO_USAGE
        expected = {name: getattr(usage, name) for name in TOKENS}
        expected |= {name: getattr(cost, name) for name in SUMS if name.endswith("_usd")}
        expected |= {"outcome": finished.outcome.value, "is_estimated": finished.is_estimated}
        expected |= {"team": finished.call.who.team, "model": finished.model}
        found = {name: money(row, name) if name.endswith("_usd") else row[name] for name in expected}
        if found != expected:
            differing = {
                name: (expected[name], found[name]) for name in expected if expected[name] != found[name]
            }
            yield Fault(f"a row differs from the log (log, row): {differing}", (call_id,))


def _rollup_faults(other: OtherBooks) -> Iterator[Fault]:
    expected: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    members: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for call_id, row in other.rows.items():
        key = tuple(row[name] for name in GROUP)
        members[key].append(call_id)
        expected[key] += _summed(row)
        expected[key]["calls"] += 1
    for row in other.rollup:
        key = tuple(row[name] for name in GROUP)
        found = _summed(row)
        found["calls"] = row["calls"]
        if found != expected.pop(key, Counter()):
            yield Fault(f"the rollup of {key} is {dict(found)}", tuple(members[key][:20]))
    for key in expected:
        yield Fault(f"the rollup has no group {key}", tuple(members[key][:20]))


def _summed(row: Row) -> Counter[str]:
    sums: Counter[str] = Counter()
    for name in SUMS:
        sums[name] = money(row, name) if name.endswith("_usd") else row[name]  # type: ignore[assignment]
    return +sums


def balances_of_calls(log: LogBooks) -> dict[Balance, Decimal]:
    """What each balance should be: the newest cost of every call that was admitted against it."""
    expected: defaultdict[Balance, Decimal] = defaultdict(Decimal)
    for call_id in log.costed:
        _, cost = log.cost(call_id)
        if call_id in log.finished and cost.cost_usd:
            for ref in dict.fromkeys(log.call(call_id).call.budgets):
                expected[ref.budget_id, ref.window] += cost.cost_usd
    return dict(expected)


def _budget_faults(books: Books) -> Iterator[Fault]:
    log = books.log
    expected = balances_of_calls(log)
    for name, found in (("the charges come", log.charged()), ("the ledger comes", log.balances)):
        for balance in sorted(expected.keys() | found.keys()):
            wanted, got = expected.get(balance, ZERO), found.get(balance, ZERO)
            if wanted != got and not (
                name == "the ledger comes" and balance not in found and _is_old(log, balance)
            ):
                told = f"{balance}: {name} to {got}, the calls to {wanted}, which is {got - wanted} away"
                yield Fault(told, tuple(_charged_wrongly(log, balance)))
    for budget, answers in books.other.budgets.items():
        shown = {(answer["window_start"], Decimal(answer["spent"])) for answer in answers}
        if len(shown) != 1:
            yield Fault(f"{budget}: the gateways show different balances: {shown}")
    for team, budget in books.people.month_budgets.items():
        (answer, *_) = books.other.budgets[budget]
        month = f"0/{answer['window_start'][:10]}T00:00:00Z"
        if Decimal(answer["spent"]) != expected.get((budget, month), ZERO):
            yield Fault(
                f"{team}: the gateway shows {answer['spent']}, the calls come to {expected.get((budget, month))}"
            )


def _is_old(log: LogBooks, balance: Balance) -> bool:
    """Whether the ledger may have forgotten a balance: its newest call ended longer ago than late calls are accepted.
    Measured by the newest record of the log, since a run may be looked at later."""
    calls = [log.cost(call_id)[0] for call_id in log.costed]
    ends = [c.finished_at for c in calls if balance in {(r.budget_id, r.window) for r in c.call.budgets}]
    newest = max(told.at_ms for told in log.charges) / 1000
    return max(ends).timestamp() < newest - KEEP_BALANCES.total_seconds() + _DAY_S


def _charged_wrongly(log: LogBooks, balance: Balance) -> Iterator[str]:
    """Calls whose charges on this balance do not come to what they cost."""
    charged: defaultdict[str, Decimal] = defaultdict(Decimal)
    seen = set()
    for told in log.charges:
        event: Any = told.event
        if (event.budget_id, event.window) == balance and (key := (type(event), event.source)) not in seen:
            seen.add(key)
            charged[event.call_id] += getattr(event, "amount_usd", ZERO) + getattr(event, "delta_usd", ZERO)
    for call_id in log.costed:
        refs = {(ref.budget_id, ref.window) for ref in log.cost(call_id)[0].call.budgets}
        wanted = log.cost(call_id)[1].cost_usd if balance in refs else ZERO
        if charged.pop(call_id, ZERO) != wanted:
            yield call_id
    yield from charged


def _letter_faults(books: Books) -> Iterator[Fault]:
    garbage = set(books.log.garbage)
    for place in sorted(garbage - books.log.dead_letters.keys()):
        yield Fault(f"{place} is garbage and not among the dead letters")
    for place in sorted(books.log.dead_letters.keys() - garbage):
        yield Fault(f"{place} is a dead letter although it is no garbage: {books.log.dead_letters[place]}")
    stored = books.other.dead_letters
    for place in sorted(books.log.dead_letters.keys() - stored):
        yield Fault(f"the dead letter of {place} is not in the warehouse")


def _invented_faults(books: Books) -> Iterator[Fault]:
    """Strangers' calls: on the log they may be missing (the broker was away), but what is there is as it was made."""
    for call_id, made in books.invented.items():
        if call_id not in books.log.finished:
            continue
        if not _as_made(books.log, call_id, made):
            yield Fault("a call that was made up differs from how it was made up", (call_id,))
        row = books.other.rows.get(call_id, {})
        if "time_flag" in row and row["time_flag"] not in (expected := _flags(books.log, call_id)):
            yield Fault(f"a call is flagged {row['time_flag']!r} and should be {expected}", (call_id,))


def _as_made(log: LogBooks, call_id: str, made: Invented) -> bool:
    """Its real end holds wherever there is one, before or after it had been given up."""
    ends = {told.source: told.event for told in log.finished[call_id]}
    finished, _ = log.cost(call_id)
    if made.source in ends:
        return finished.usage == made.finished.usage and not finished.is_estimated
    return finished.is_estimated and finished.outcome is Outcome.ABORTED


def _flags(log: LogBooks, call_id: str) -> set[str]:
    """By the moment at which the call was costed, on the broker's clock; of several records any may be the row."""
    started = log.call(call_id).call.started_at
    moments = [datetime.fromtimestamp(told.at_ms / 1000, UTC) for told in log.costed[call_id]]
    return {"late" if started < at - _LATE else "ahead" if started > at + _AHEAD else "" for at in moments}
