"""The balance of one budget in one window: what was spent, and up to where. Pure.

A balance holds, for each partition of `llm.calls`, the highest offset whose charge it has applied. A charge at or below
that mark has been applied already and changes nothing, so that a charge may arrive any number of times (after a
restart, a rebalance, a repeated send) as long as the first arrivals of a partition come in offset order. Amount and
marks are one value and are stored as one record: there is no moment at which one is newer than the other.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from ingest.events.charges import ChargeSettled
from ingest.money import ZERO


class Balance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was spent in USD, and the marks. Immutable: applying a charge gives a new balance."""

    spent_usd: Decimal = ZERO
    applied: dict[int, int] = {}
    """Partition of `llm.calls` -> highest offset whose charge is in `spent_usd`."""
    last_charge_at: datetime | None = None
    """When the newest call charged here had finished."""

    def has_applied(self, charge: ChargeSettled) -> bool:
        """Whether `charge` is in `spent_usd` already."""
        return charge.source.offset <= self.applied.get(charge.source.partition, -1)

    def apply(self, charge: ChargeSettled) -> Balance:
        """The balance with `charge`, or this very object when the charge had been applied before."""
        if self.has_applied(charge):
            return self
        newest = max(self.last_charge_at or charge.finished_at, charge.finished_at)
        return Balance(
            spent_usd=self.spent_usd + charge.amount_usd,
            applied={**self.applied, charge.source.partition: charge.source.offset},
            last_charge_at=newest,
        )


EMPTY = Balance()
