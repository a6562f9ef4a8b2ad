"""Usage times rates: the bill of one call, line by line. Pure and exact (`ingest.pricing.compiled` says how)."""

from __future__ import annotations

from decimal import Decimal

from ingest.events.costs import CallCost
from ingest.money import cost_of
from ingest.pricing.classes import CLASSES, MILLION, Group
from ingest.pricing.compiled import CompiledPrice
from ingest.pricing.rates import Rates
from ingest.usage import NO_USAGE, TokenUsage, check_usage

UNPRICED = CallCost(is_priced=False)
FREE = CallCost()
_BOUNDED_BY_INPUT = tuple(
    found.name for found in CLASSES if found.per == MILLION and found.group is not Group.OUTPUT
)
_BOUNDED_BY_OUTPUT = tuple(found.name for found in CLASSES if "output" in (found.name, *found.within))


def bill(usage: TokenUsage, rates: Rates | None) -> CallCost:
    """What `usage` costs at `rates`. For many calls at the same rates, keep a `CompiledPrice`.

    Unpriced (`is_priced` False, cost 0) when something was used for which no rate is known; free when nothing was.
    Raises InvalidUsage when the counts contradict each other.
    """
    if rates is None:
        return FREE if check_usage(usage) == NO_USAGE else UNPRICED
    return CompiledPrice(rates).cost(usage)


def worst_case(input_tokens: int, output_tokens: int, rates: Rates) -> Decimal:
    """An upper bound, USD: every input token (or character to read aloud) at the dearest way to bill input, every output
    token likewise. Fees by the piece come on top."""
    known = dict(rates.known())
    dearest_in = max(
        (known[name].dearest() for name in _BOUNDED_BY_INPUT if name in known), default=Decimal(0)
    )
    dearest_out = max(
        (known[name].dearest() for name in _BOUNDED_BY_OUTPUT if name in known), default=Decimal(0)
    )
    return cost_of(input_tokens, dearest_in) + cost_of(output_tokens, dearest_out)
