"""Corrections of costs, as `spendstream reprice` publishes them: of calls whose cost stands in the warehouse. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ingest.codec import encode_event
from ingest.events.calls import CallFinished
from ingest.events.costs import CallCost, CostCorrected
from ingest.log import Outgoing
from ingest.topics import TopicName

BY_CHAOS = "chaos"
"""The reason that corrections made here give."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACES = Decimal("1e-12")


@dataclass(frozen=True)
class Priced:
    """A call's newest cost, as the warehouse has it."""

    cost_usd: Decimal
    version: int
    time_flag: str


def correction(rng: random.Random, finished: CallFinished, before: Priced, now: datetime) -> CostCorrected:
    """Another cost, up to twice the one before, to the twelfth place."""
    output = (before.cost_usd * Decimal(rng.randint(0, 2000)) / 1000).quantize(_PLACES)
    whole = (output / 3).quantize(_PLACES)
    cost = CallCost(
        cost_usd=output,
        input_cost_usd=whole,
        output_cost_usd=output - whole,
        list_cost_usd=output,
        price_version="chaos",
    )
    return CostCorrected(
        finished=finished,
        cost=cost,
        version=(now - _EPOCH) // timedelta(microseconds=1),
        reason=BY_CHAOS,
        previous_cost_usd=before.cost_usd,
        previous_version=before.version,
        corrected_at=now,
        time_flag=before.time_flag,
    )


def correction_record(corrected: CostCorrected) -> Outgoing:
    """On `llm.costs`, by team."""
    call = corrected.finished.call
    value = encode_event(
        corrected,
        id=f"{call.call_id}/corrected/{corrected.version}",
        source="chaos",
        time=corrected.finished.finished_at,
        subject=call.call_id,
    )
    return Outgoing(TopicName.COSTS, call.who.team, value)
