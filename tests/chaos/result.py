"""What a run has found out, as figures: made from everybody's books once they are at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.chaos.comparing import Books, Fault, balances_of_calls
from tests.chaos.load import Try
from tests.chaos.other_books import SUMS, Row, money
from tests.chaos.prices import TOKENS
from tests.chaos.serving import EXACT, Group


@dataclass
class Result:
    """Everything that is reported. Durations in seconds."""

    seed: int
    seconds: float
    kills: dict[str, int] = field(default_factory=dict)
    ended_by_themselves: dict[str, int] = field(default_factory=dict)
    mischief: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, float] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    comparison: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    settled_s: float | None = None
    """From the end of the load until everything agreed; None: it never did."""

    @property
    def is_exact(self) -> bool:
        return self.settled_s is not None and not self.faults


def figures(result: Result, books: Books, groups: Mapping[str, Group], tries: list[Try]) -> None:
    """Fill in what follows from the books."""
    log, rows = books.log, books.other.rows
    result.tries = dict(Counter(one.saw.value for one in tries).most_common())
    result.outcomes = dict(Counter(str(row["outcome"]) for row in rows.values()).most_common())
    flags = Counter(str(row.get("time_flag", "")) for row in rows.values())
    result.counts = {
        "calls in the warehouse": len(rows),
        "calls served by the providers": sum(
            group.calls for group in groups.values() if any(group.theirs.values())
        ),
        "retries (attempt above 0)": sum(one.attempt > 0 for one in tries),
        "ends of calls that stand on llm.calls again": log.repeated_ends,
        "starts of calls that stand on llm.calls again": log.repeated_starts,
        "costs that stand on llm.costs again": log.repeated_costs,
        "charges that stand on budget.charges again": _repeated_charges(books),
        "corrections": sum(map(len, log.corrected.values())),
        "gateways retired": len(log.retired),
        "calls that were made up (late, ahead, at a month's end)": len(
            log.finished.keys() & books.invented.keys()
        ),
        "flagged late": flags["late"],
        "flagged ahead": flags["ahead"],
        "garbage records": len(log.garbage),
        "dead letters": len(log.dead_letters),
        "balances (budget and window) charged": len(log.balances),
        "calls still open": len(log.open_calls()),
    }
    result.groups = {name: shown(group) for name, group in sorted(groups.items())}
    result.comparison = _comparison(books, groups.get(EXACT, Group()))


def shown(group: Group) -> dict[str, Any]:
    """A group of calls as plain figures: the provider's, and ours."""
    return {
        "calls": group.calls,
        "provider": group.theirs | {"cost_usd": f"{group.their_usd:.12f}"},
        "ours": group.ours | {"cost_usd": f"{group.our_usd:.12f}"},
    }


def _repeated_charges(books: Books) -> int:
    events: list[Any] = [told.event for told in books.log.charges]
    return len(events) - len({(type(e), e.source, e.budget_id, e.window) for e in events})


def _comparison(books: Books, exact: Group) -> list[dict[str, str]]:
    """The table: one line for each thing that is compared, equal from column to column."""
    log, other = books.log, books.other
    lines = [_line("calls metered exactly", provider=exact.calls, calls=exact.calls)]
    lines += [
        _line(f"{name} of these", provider=exact.theirs[name], calls=exact.ours[name]) for name in TOKENS
    ]
    lines.append(_line("cost_usd of these", provider=exact.their_usd, calls=exact.our_usd))
    costs = [log.cost(call_id) for call_id in log.costed]
    lines.append(
        _line(
            "all calls",
            log=len(costs),
            calls=len(other.rows),
            rollup=sum(int(row["calls"]) for row in other.rollup),
        )
    )
    for name in SUMS:
        is_money = name.endswith("_usd")
        told = sum(
            (getattr(c if is_money else f.usage, name, 0) for f, c in costs), Decimal(0) if is_money else 0
        )
        lines.append(
            _line(
                f"{name} of all",
                log=told,
                calls=_sum(list(other.rows.values()), name),
                rollup=_sum(other.rollup, name),
            )
        )
    expected = balances_of_calls(log)
    for budget in sorted(books.people.budgets):
        lines.append(
            _line(
                f"budget {budget}, {sum(key[0] == budget for key in expected)} windows",
                log=_of(expected, budget),
                charges=_of(log.charged(), budget),
                ledger=_of(log.balances, budget),
            )
        )
    return lines


def _sum(rows: list[Row], name: str) -> Decimal | int:
    if name.endswith("_usd"):
        return sum((money(row, name) for row in rows), Decimal(0))
    return sum(int(row[name]) for row in rows)


def _of(balances: Mapping[tuple[str, str], Decimal], budget: str) -> Decimal:
    return sum((amount for (name, _), amount in balances.items() if name == budget), Decimal(0))


def _line(what: str, **columns: Decimal | int) -> dict[str, str]:
    texts = {
        name: f"{value:.12f}" if isinstance(value, Decimal) else f"{value}" for name, value in columns.items()
    }
    return {"what": what, **texts, "equal": "yes" if len(set(texts.values())) == 1 else "NO"}


def explained(fault: Fault, books: Books, most: int = 3) -> str:
    """A fault with everything that the log and the warehouse say about the calls concerned."""
    lines = [f"FAULT: {fault.what}"]
    for call_id in fault.calls[:most]:
        lines.append(f"  call {call_id}")
        lines += [
            f"    {told.place.topic}/{told.place.partition}/{told.place.offset} ({told.source}): {told.event}"
            for told in books.log.events_of(call_id)
        ]
        lines.append(f"    row: {books.other.rows.get(call_id)}")
    if len(fault.calls) > most:
        lines.append(f"  and {len(fault.calls) - most} more calls: {', '.join(fault.calls[most:40])}")
    return "\n".join(lines)
