"""The balance of one budget in one window: what was spent, and up to where. Pure.

A balance holds, for each partition of `llm.calls`, the highest offset whose charge it has applied. A charge at or below
that mark has been applied already and changes nothing, so that a charge may arrive any number of times (after a
restart, a rebalance, a repeated send) as long as the first arrivals of a partition come in offset order. Corrections are
derived from another topic, `llm.costs`, and have marks of their own, to the same effect. Amount and marks are one value
and are stored as one record: there is no moment at which one is newer than the other.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from ingest.events.charges import ChargeCorrected, ChargeSettled
from ingest.money import ZERO

Charge = ChargeSettled | ChargeCorrected
"""What changes a balance."""


class Balance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was spent in USD, and the marks. Immutable: applying a charge gives a new balance."""

    spent_usd: Decimal = ZERO
    applied: dict[int, int] = {}
    """Partition of `llm.calls` -> highest offset whose charge is in `spent_usd`."""
    last_charge_at: datetime | None = None
    """When the newest call charged here had finished, or the newest correction was made."""
    corrected: dict[int, int] = {}
    """Partition of `llm.costs` -> highest offset whose correction is in `spent_usd`."""

    def has_applied(self, charge: Charge) -> bool:
        """Whether `charge` is in `spent_usd` already."""
        marks = self.applied if isinstance(charge, ChargeSettled) else self.corrected
        return charge.source.offset <= marks.get(charge.source.partition, -1)

    def apply(self, charge: Charge) -> Balance:
        """The balance with `charge`, or this very object when the charge had been applied before."""
        if self.has_applied(charge):
            return self
        mark = {charge.source.partition: charge.source.offset}
        if isinstance(charge, ChargeSettled):
            return Balance(
                self.spent_usd + charge.amount_usd,
                {**self.applied, **mark},
                _newest(self.last_charge_at, charge.finished_at),
                self.corrected,
            )
        return Balance(
            self.spent_usd + charge.delta_usd,
            self.applied,
            _newest(self.last_charge_at, charge.corrected_at),
            {**self.corrected, **mark},
        )


EMPTY = Balance()


def _newest(before: datetime | None, at: datetime) -> datetime:
    return at if before is None else max(before, at)
