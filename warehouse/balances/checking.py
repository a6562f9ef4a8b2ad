"""One balance (a budget in one window) beside the calls that name it. Pure.

A call names the balances that it was checked against, and exactly those are charged, so that the costs of the calls that
name a balance sum to what it has spent, to the last place. Two things are no differences: what is still on the way, and,
of a window that is over, what was charged after its last state (the topic of states holds one state a budget, that of the
newest window; `--log` compares such windows with their charges instead).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ingest.money import ZERO


class Standing(StrEnum):
    """How a balance stands to its calls."""

    AGREES = "agrees"
    MOVING = "moving"
    """Calls, charges or states of it are on the way."""
    LATE = "late"
    """The window is over, and calls that ended or were corrected around its last state may explain the difference."""
    DIFFERS = "differs"


@dataclass(frozen=True)
class Spent:
    """What the newest state of a window says."""

    spent_usd: Decimal
    status: str
    changed_at: datetime
    stored_at: datetime
    is_newest: bool
    """Whether it is the budget's newest state: that of its present window."""


@dataclass(frozen=True)
class Named:
    """The calls that name a balance."""

    calls: int
    cost_usd: Decimal
    recent_usd: Decimal
    """Of it, calls that were stored later than a little before the balance's last state: perhaps charged after it."""
    corrected: int
    """How many have been costed again since they were first costed."""
    stored_at: datetime
    """When the newest of them was stored."""


@dataclass(frozen=True)
class Balance:
    """A budget's balance in one window, from both sides; None: that side has never heard of it."""

    budget: str
    window: str
    state: Spent | None
    named: Named | None
    has_states: bool = True
    """Whether the budget has a state of any window."""

    @property
    def cost_usd(self) -> Decimal:
        """What its calls cost."""
        return self.named.cost_usd if self.named else ZERO

    @property
    def spent_usd(self) -> Decimal:
        """What its newest state says was spent."""
        return self.state.spent_usd if self.state else ZERO

    @property
    def difference_usd(self) -> Decimal:
        """Above zero where the calls cost more than was charged."""
        return self.cost_usd - self.spent_usd

    @property
    def is_open(self) -> bool:
        """Whether its states are still published: the budget's present window, unless it was deleted."""
        return self.state is not None and self.state.is_newest and self.state.status != "deleted"

    def standing(self, settled: datetime, *, is_loading: bool) -> Standing:
        """`settled`: what was stored before it has been dealt with everywhere; `is_loading`: records of calls or states
        wait to be stored."""
        if self.difference_usd == 0:
            return Standing.AGREES
        moments = [side.stored_at for side in (self.state, self.named) if side is not None]
        is_moving = is_loading or max(moments) > settled
        if is_moving and (self.difference_usd < 0 or self._is_explained):
            return Standing.MOVING
        if self.has_states and not self.is_open and self._is_explained:
            return Standing.LATE
        return Standing.DIFFERS

    @property
    def _is_explained(self) -> bool:
        """Whether charges or corrections that are not in the state can make up the difference."""
        if self.named is None:
            return False
        return self.named.corrected > 0 or ZERO < self.difference_usd <= self.named.recent_usd


@dataclass(frozen=True)
class Balances:
    """All balances, judged. `unnamed` calls were stored before windows were recorded beside budgets: which balances they
    were charged to is not known here, and the budgets in `unknown` cannot be compared."""

    judged: Sequence[tuple[Balance, Standing]] = ()
    unnamed: int = 0
    unknown: Sequence[str] = ()

    def of(self, standing: Standing) -> list[Balance]:
        """Those that stand so."""
        return [balance for balance, own in self.judged if own is standing]

    @property
    def agrees(self) -> bool:
        return not self.of(Standing.DIFFERS)


def judge(
    balances: Iterable[Balance], settled: datetime, *, is_loading: bool, unnamed: int, unknown: Sequence[str]
) -> Balances:
    """Every balance with its standing, except those of `unknown` budgets."""
    judged = [
        (balance, balance.standing(settled, is_loading=is_loading))
        for balance in balances
        if balance.budget not in unknown
    ]
    return Balances(judged, unnamed, unknown)


def render(found: Balances, shown: int = 20) -> list[str]:
    """The budgets as lines of text: a summary, then whatever is not plainly equal."""
    counts = {standing: len(found.of(standing)) for standing in Standing}
    spent = sum((balance.spent_usd for balance, _ in found.judged), ZERO)
    words = {
        Standing.AGREES: "agree with their calls to the last place",
        Standing.MOVING: "are moving",
        Standing.LATE: "are over, with late charges",
        Standing.DIFFERS: "differ",
    }
    told = ", ".join(f"{counts[standing]:,} {word}" for standing, word in words.items() if counts[standing])
    lines = [f"{'balances':<10}{len(found.judged):>14,}{spent:>30,.12f}", told or "no budgets"]
    for standing, word in (
        (Standing.DIFFERS, "DIFFERS"),
        (Standing.MOVING, "MOVING"),
        (Standing.LATE, "LATE"),
    ):
        those = found.of(standing)
        lines += [f"{word:<9}{_told(balance)}" for balance in those[:shown]]
        if len(those) > shown:
            lines.append(f"… and {len(those) - shown:,} more")
    if counts[Standing.MOVING]:
        lines.append("a moving balance has calls or states on the way; ask again when they are stored")
    if counts[Standing.LATE]:
        lines.append(
            "a window that is over gets no more states; `spendstream reconcile --log` compares it with its charges"
        )
    if found.unnamed:
        lines.append(
            f"{found.unnamed:,} calls were stored by a version that did not record windows; not compared:"
            f" {', '.join(found.unknown[:5])}{' …' if len(found.unknown) > 5 else ''}"
        )
    return lines


def _told(balance: Balance) -> str:
    calls = balance.named.calls if balance.named else 0
    return (
        f"budget {balance.budget}, window {balance.window}: {calls:,} calls cost ${balance.cost_usd:,.12f},"
        f" spent ${balance.spent_usd:,.12f}, {balance.difference_usd:+,.12f}"
    )


def as_json(found: Balances) -> list[dict[str, Any]]:
    """Every balance for machines; amounts are texts with 12 places."""
    return [
        {
            "budget": balance.budget,
            "window": balance.window,
            "standing": standing.value,
            "calls": balance.named.calls if balance.named else 0,
            "cost_usd": f"{balance.cost_usd:.12f}",
            "spent_usd": f"{balance.spent_usd:.12f}",
            "difference_usd": f"{balance.difference_usd:.12f}",
        }
        for balance, standing in found.judged
    ]
