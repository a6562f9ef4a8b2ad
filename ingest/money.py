"""Money: US dollars as `Decimal` with 12 places, never a float.

Twelve places hold every price of the field exactly (a price of $0.000001 per million tokens is 1e-12 a token), and
`Decimal(38,12)` is the warehouse's column. Rounding is half-even and happens once for each component of a cost; sums
of rounded amounts are exact, so that the parts of a cost always sum to the whole.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from ingest.errors import InvalidMoney

PLACES = Decimal("0.000000000001")
ZERO = Decimal("0.000000000000")
PER_MILLION = Decimal(1_000_000)

# 38 digits is what the warehouse stores; an amount beyond 1e26 dollars is a mistake, not money.
_CONTEXT = Context(prec=38, rounding=ROUND_HALF_EVEN)


def usd(value: Decimal | int | str) -> Decimal:
    """`value` as dollars with exactly 12 places.

    Raises InvalidMoney for a float (it has already lost places), and for what is no finite number of 26 or fewer
    digits before the point.
    """
    if isinstance(value, float | bool):
        raise InvalidMoney(f"{value!r} is a {type(value).__name__}; money is given as a decimal or as a text")
    try:
        amount = Decimal(value).quantize(PLACES, context=_CONTEXT)
        if amount.is_nan():
            raise InvalidOperation
        return amount
    except (InvalidOperation, ValueError, TypeError):
        raise InvalidMoney(
            f"{value!r} is no amount of dollars (a finite decimal number below 1e26 is needed)"
        ) from None


def cost_of(quantity: int, price_per_million: Decimal) -> Decimal:
    """Dollars for `quantity` tokens at `price_per_million` USD per 1,000,000 tokens, rounded to 12 places."""
    return usd(_CONTEXT.divide(_CONTEXT.multiply(price_per_million, Decimal(quantity)), PER_MILLION))


def show_usd(value: Decimal) -> str:
    """For people: `$1,234.56`, and as many places as it takes to show two digits of a small amount."""
    if value == 0:
        return "$0.00"
    sign = "-" if value < 0 else ""
    amount = abs(value)
    places = 2 if amount >= 1 else min(12, 1 - amount.adjusted())
    return f"{sign}${amount:,.{max(2, places)}f}"
