"""What a call costs by the prices of today against what it was costed at, and the sums of that. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ingest.events.calls import CallFinished
from ingest.events.costs import CallCost, CostCorrected
from ingest.money import ZERO
from ingest.pricing.price import PriceBook
from streams.costing import cost_call
from warehouse.restoring import call_of, cost_of_row
from warehouse.versions import closing


class Repriced(NamedTuple):
    """A call, what it was costed at in its newest version, and what it costs by another book."""

    finished: CallFinished
    before: CallCost
    after: CallCost
    version: int
    time_flag: str

    @property
    def is_changed(self) -> bool:
        """Whether any amount differs, or whether there is a price. Another price version that comes to the same is no
        change: the call goes on naming the one that it was costed with."""
        return _amounts(self.before) != _amounts(self.after)

    def correction(self, version: int, reason: str, at: datetime) -> CostCorrected:
        """The event that brings the new cost."""
        return CostCorrected(
            finished=self.finished,
            cost=self.after,
            version=version,
            reason=reason,
            previous_cost_usd=self.before.cost_usd,
            previous_version=self.version,
            corrected_at=at,
            time_flag=self.time_flag,
        )


def reprice(row: Mapping[str, Any], book: PriceBook) -> Repriced:
    """The call of a row of the view `calls`, costed again."""
    finished = call_of(row)
    return Repriced(
        finished, cost_of_row(row), cost_call(finished, book).cost, row["version"], row["time_flag"]
    )


@dataclass
class Sums:
    """Of the calls of one team and model; USD."""

    calls: int = 0
    changed: int = 0
    before_usd: Decimal = ZERO
    after_usd: Decimal = ZERO
    newly_priced: int = 0
    still_unpriced: int = 0
    no_longer_priced: int = 0
    """Had a price and would have none: an end that was set by mistake looks like this."""

    @property
    def difference_usd(self) -> Decimal:
        return self.after_usd - self.before_usd

    def add(self, other: Sums) -> None:
        """Take in the sums of others."""
        self.calls += other.calls
        self.changed += other.changed
        self.before_usd += other.before_usd
        self.after_usd += other.after_usd
        self.newly_priced += other.newly_priced
        self.still_unpriced += other.still_unpriced
        self.no_longer_priced += other.no_longer_priced


class Tally:
    """Sums by team and model; and of them all, what concerns months that are closed at `now`."""

    def __init__(self, now: datetime) -> None:
        self.groups: defaultdict[tuple[str, str], Sums] = defaultdict(Sums)
        self.closed = Sums()
        self._now = now

    def add(self, one: Repriced) -> None:
        """Count one call."""
        before, after = one.before, one.after
        sums = Sums(
            calls=1,
            changed=int(one.is_changed),
            before_usd=before.cost_usd,
            after_usd=after.cost_usd,
            newly_priced=int(after.is_priced and not before.is_priced),
            still_unpriced=int(not after.is_priced and not before.is_priced),
            no_longer_priced=int(before.is_priced and not after.is_priced),
        )
        self.groups[one.finished.call.who.team, one.finished.model].add(sums)
        made = one.finished.call.started_at.astimezone(UTC)
        if closing(made.year, made.month) <= self._now:
            self.closed.add(sums)

    def total(self) -> Sums:
        """Of all groups."""
        total = Sums()
        for sums in self.groups.values():
            total.add(sums)
        return total


def _amounts(cost: CallCost) -> tuple[object, ...]:
    return (
        cost.cost_usd,
        cost.input_cost_usd,
        cost.cache_cost_usd,
        cost.output_cost_usd,
        cost.list_cost_usd,
        cost.is_priced,
    )
