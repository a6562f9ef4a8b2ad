"""The charges on the log, call by call, beside what the calls in the warehouse cost.

This is the exact comparison also of windows that are over, as far back as the log goes. The ledger applies a charge once,
known by its source, and so does this, by other means: it keeps every source, where the ledger keeps the highest. And since
the ledger folds a budget's charges in their order, whatever it has published of a window is what the first so many of them
sum to: so that states are checked to the last place while calls go on, and after a window is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.charges import ChargeCorrected, ChargeSettled
from ingest.log import Record
from ingest.money import ZERO
from warehouse.client import Client

BalanceName = tuple[str, str]
"""A budget and a window."""

_SUMS = """SELECT balance.1 AS name, balance.2 AS window, sum(cost_usd)
FROM (SELECT arrayJoin(arrayZip(budgets, budget_windows)) AS balance, cost_usd
      FROM calls WHERE notEmpty(budgets) AND length(budgets) = length(budget_windows))
GROUP BY name, window"""
_STATES = """SELECT name, window, argMax(spent_usd, tuple(changed_at, kafka_offset)) FROM budget_states FINAL
GROUP BY name, window"""
_CALLS = """SELECT call_id, cost_usd, inserted_at FROM calls
WHERE length(budgets) = length(budget_windows)
  AND has(arrayZip(budgets, budget_windows), ({budget:String}, {window:String}))"""


@dataclass
class ChargeTotals:
    """What `budget.charges` says: of each balance, every charge by its source."""

    charges: defaultdict[BalanceName, dict[tuple[str, int, int], tuple[str, Decimal]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    skipped: list[tuple[BalanceName, str]] = field(default_factory=list)
    """Charges that came behind a later one of their source's partition: the ledger has passed over them."""
    begins_at: datetime | None = None
    """Windows that began before this may have charges that have left the log; None: the log holds all there ever were."""
    first_at: datetime | None = None
    """When the oldest record of the log was written."""
    _marks: dict[tuple[BalanceName, str, int], int] = field(default_factory=dict)
    _met: set[int] = field(default_factory=set)
    _passed_over: set[tuple[BalanceName, tuple[str, int, int]]] = field(default_factory=set)

    def add(self, record: Record) -> None:
        """Take in one record; each partition in order."""
        self._note_beginning(record)
        try:
            event = decode_event(record.value).data
        except DecodeError:
            return  # a dead letter by now
        if not isinstance(event, ChargeSettled | ChargeCorrected):
            return
        kind, amount = (
            ("settled", event.amount_usd)
            if isinstance(event, ChargeSettled)
            else ("corrected", event.delta_usd)
        )
        balance: BalanceName = (event.budget_id, event.window)
        source = (kind, event.source.partition, event.source.offset)
        if source in self.charges[balance]:
            return
        self.charges[balance][source] = (event.call_id, amount)
        mark = (balance, kind, event.source.partition)
        if event.source.offset < self._marks.get(mark, -1):
            told = f"a charge of ${amount} for call {event.call_id} ({record.topic}/{record.partition}/{record.offset})"
            self.skipped.append((balance, told))
            self._passed_over.add((balance, source))
        else:
            self._marks[mark] = event.source.offset

    def by_call(self, balance: BalanceName) -> dict[str, Decimal]:
        """What each call was charged there, corrections included."""
        found: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        for call_id, amount in self.charges.get(balance, {}).values():
            found[call_id] += amount
        return dict(found)

    def is_sum(self, balance: BalanceName, spent_usd: Decimal) -> bool:
        """Whether the first so many charges, in the order of the log, sum to `spent_usd`."""
        total = ZERO
        if total == spent_usd:
            return True
        for source, (_, amount) in self.charges.get(balance, {}).items():
            if (balance, source) not in self._passed_over:
                total += amount
                if total == spent_usd:
                    return True
        return False

    def follows_another_log(self, now: datetime) -> None:
        """The warehouse has loaded from another log before this one: what began before this one is not all on it."""
        first = self.first_at or now
        self.begins_at = max(self.begins_at or first, first)

    def is_whole(self, balance: BalanceName) -> bool:
        """Whether every charge of the balance's window is on the log."""
        if self.begins_at is None:
            return True
        try:
            start = datetime.strptime(balance[1].partition("/")[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return False
        return start >= self.begins_at

    def _note_beginning(self, record: Record) -> None:
        if record.partition not in self._met:
            self._met.add(record.partition)
            at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
            self.first_at = min(self.first_at or at, at)
            if record.offset > 0:
                self.begins_at = max(self.begins_at or at, at)


async def read_charges(records: AsyncIterator[Record]) -> ChargeTotals:
    """Every charge that is on the log."""
    totals = ChargeTotals()
    async for record in records:
        totals.add(record)
    return totals


@dataclass(frozen=True)
class WrongCharge:
    """A call that costs otherwise than it was charged; None where a side does not know it."""

    balance: BalanceName
    call_id: str
    charged_usd: Decimal | None
    cost_usd: Decimal | None

    def describe(self) -> str:
        """For people, one line."""
        charged = "never charged" if self.charged_usd is None else f"charged ${self.charged_usd:.12f}"
        costs = "is not in the warehouse" if self.cost_usd is None else f"costs ${self.cost_usd:.12f}"
        return f"budget {self.balance[0]}, window {self.balance[1]}: call {self.call_id} {costs}, {charged}"


@dataclass(frozen=True)
class WrongState:
    """A published balance that is not what any number of its first charges sum to."""

    balance: BalanceName
    spent_usd: Decimal

    def describe(self) -> str:
        """For people, one line."""
        return (
            f"budget {self.balance[0]}, window {self.balance[1]}: its newest state says ${self.spent_usd:.12f}, which is not"
            " the sum of its first charges"
        )


@dataclass(frozen=True)
class ChargesCompared:
    """What came of it: balances and states that were compared, and what is wrong, on the way, or out of the log's reach."""

    balances: int
    states: int
    wrong: Sequence[WrongCharge]
    wrong_states: Sequence[WrongState]
    moving: int
    beyond: int
    skipped: Sequence[str]

    @property
    def findings(self) -> list[str]:
        """Everything that is wrong, a line each."""
        return [
            *(f"WRONG    {one.describe()}" for one in self.wrong),
            *(f"WRONG    {one.describe()}" for one in self.wrong_states),
            *(f"SKIPPED  {text} came too late to be applied" for text in self.skipped),
        ]

    @property
    def agrees(self) -> bool:
        return not self.findings


def published_states(client: Client) -> dict[BalanceName, Decimal]:
    """What the newest state of every balance says. Ask before the charges are read: they must be ahead. Blocks."""
    return {(name, window): amount for name, window, amount in client.rows(_STATES)}


def compare_charges(
    client: Client,
    totals: ChargeTotals,
    spent: Mapping[BalanceName, Decimal],
    settled: datetime,
    *,
    is_loading: bool,
) -> ChargesCompared:
    """Every balance, call by call where its sums differ, and every state in `spent`. Blocks.

    `settled`: calls stored after it may have been charged after the log was read. `is_loading`: calls wait to be stored.
    """
    costs = {(name, window): cost for name, window, cost in client.rows(_SUMS)}
    names = sorted(costs.keys() | totals.charges.keys())
    whole = [name for name in names if totals.is_whole(name)]
    wrong, moving = list[WrongCharge](), 0
    for name in whole:
        charged = totals.by_call(name)
        if sum(charged.values(), ZERO) == costs.get(name, ZERO):
            continue
        for found, is_moving in _differing(client, name, charged, settled, is_loading=is_loading):
            if is_moving:
                moving += 1
            else:
                wrong.append(found)
    skipped = [
        f"budget {name[0]}, window {name[1]}: {told}"
        for name, told in totals.skipped
        if totals.is_whole(name)
    ]
    published = [(name, amount) for name, amount in spent.items() if totals.is_whole(name)]
    wrong_states = [WrongState(name, amount) for name, amount in published if not totals.is_sum(name, amount)]
    beyond = len(names) - len(whole)
    return ChargesCompared(len(whole), len(published), wrong, wrong_states, moving, beyond, skipped)


def _differing(
    client: Client, name: BalanceName, charged: dict[str, Decimal], settled: datetime, *, is_loading: bool
) -> Iterator[tuple[WrongCharge, bool]]:
    """Calls of one balance whose cost is not what was charged, and whether that may be because they are on the way."""
    rows = client.rows(_CALLS, {"budget": name[0], "window": name[1]})
    calls = {call_id: (cost, stored_at) for call_id, cost, stored_at in rows}
    for call_id in sorted(calls.keys() | charged.keys()):
        cost, stored_at = calls.get(call_id, (None, None))
        # A free call is charged nothing, whether there is a charge of nothing or none.
        if (cost or ZERO) == charged.get(call_id, ZERO):
            continue
        is_moving = is_loading if stored_at is None else stored_at > settled
        yield WrongCharge(name, call_id, charged.get(call_id), cost), is_moving


def render(found: ChargesCompared, shown: int = 20) -> list[str]:
    """The comparison as lines of text."""
    lines = [
        f"charges   {found.balances:,} balances compared with their charges on the log, call by call;"
        f" {found.states:,} states with the sums of their first charges"
    ]
    lines += found.findings[:shown]
    if len(found.findings) > shown:
        lines.append(f"… and {len(found.findings) - shown:,} more")
    if found.moving:
        lines.append(f"{found.moving:,} calls are on the way")
    if found.beyond:
        lines.append(f"{found.beyond:,} balances began before what the log still holds and are not compared")
    lines.append(
        "every call is charged what it costs"
        if found.agrees
        else f"{len(found.findings):,} charges or states are not what they should be"
    )
    return lines
