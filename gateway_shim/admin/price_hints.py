"""What rates of one's own leave out that the public list asks for, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from ingest.pricing.classes import BY_NAME, Kind
from ingest.pricing.rates import Rates

_FEES = (Kind.TOOLS, Kind.REQUEST)


def left_out(own: Mapping[str, Decimal], listed: Rates) -> Iterator[str]:
    """`own` are the rates of a price by class, `listed` those of the list for the same model. Nothing for a price of 0:
    that it asks for nothing is what was wanted."""
    if not any(own.values()):
        return
    known = dict(listed.known())
    for name in ("input", "output"):
        if name in known and name not in own:
            yield f"there is no rate for {name}, so that calls with {name} tokens are unpriced"
    fees = [n for n, rate in known.items() if n not in own and BY_NAME[n].kind in _FEES and rate.base]
    if fees:
        yield f"{', '.join(fees)} cost nothing at this price, and the list has a fee for them: --rate CLASS=PRICE"
    if any(rate.tiers for rate in known.values()):
        yield "the list asks more for long input, and this price the same at any length"
