"""Events of the topic `llm.costs`: a call was costed, or its cost was corrected."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ingest.clock import Instant
from ingest.events.calls import CallFinished
from ingest.money import ZERO


class CostComponent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a call's bill."""

    token_class: str
    """`input`, `cache_read`, `cache_write`, `output`, `reasoning`, `web_search`, `request` … (`ingest.pricing`)."""
    quantity: int
    """Tokens, or pieces for fees by call."""
    unit_price_usd: Decimal
    """USD for `per` of them."""
    cost_usd: Decimal
    per: int = 1_000_000


class CallCost(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a call costs, in USD with 12 places. `input + cache + output = cost`, exactly.

    `input_cost_usd` holds uncached input and fees by call; `cache_cost_usd` cache reads and writes;
    `output_cost_usd` all output.
    """

    cost_usd: Decimal = ZERO
    input_cost_usd: Decimal = ZERO
    cache_cost_usd: Decimal = ZERO
    output_cost_usd: Decimal = ZERO
    list_cost_usd: Decimal = ZERO
    """Before discounts."""
    price_version: str = ""
    """Which prices; empty where no price was needed or none was known."""
    is_priced: bool = True
    """False: tokens were used and no price is known. Never shown as a cost of zero."""
    components: tuple[CostComponent, ...] = ()
    unpriced_because: str = ""
    """Why there is no price, for people; empty where there is one."""


class CallCosted(msgspec.Struct, frozen=True):
    """A finished call and its cost. The warehouse loads these and needs nothing else."""

    finished: CallFinished
    cost: CallCost


class CostCorrected(msgspec.Struct, frozen=True, omit_defaults=True):
    """A later, better cost of a call that was costed before; the highest `version` holds (`CallCosted` is 1)."""

    finished: CallFinished
    cost: CallCost
    version: int
    """Above every version before it: microseconds since 1970 at the moment of the correction."""
    reason: str
    previous_cost_usd: Decimal = ZERO
    """What the call cost in the version that is corrected."""
    previous_version: int = 1
    corrected_at: Instant | None = None
    time_flag: str = ""
    """Whether the call itself came `late` or `ahead` of its time, which the moment of its correction cannot tell."""
