"""A price that is ready to be applied: compiled once from its rates, then whole numbers only.

A cost is added up in picodollars (1e-12 USD), the last place of our money. A rate is a ratio of picodollars to pieces:
almost always a whole number ($2.50 for a million tokens is 2,500,000 picodollars for one), so that nothing is rounded;
where it is none, each line is rounded once, half-even.

Overlapping counts are split into disjoint ones, most specific first, as genai-prices does (`decompose.py`): what a class
bills is taken off all classes that contain it. Counts may overlap without saying by how much (cached audio, where only
the cached and the heard tokens are told); then what was billed first is not billed again, and the lines still sum to
the whole.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from ingest.errors import InvalidUsage
from ingest.events.costs import CallCost, CostComponent
from ingest.money import ZERO
from ingest.pricing.classes import BY_NAME, CLASSES, SLOT_OF_FIELD, Group, Kind, TokenClass, slot_of
from ingest.pricing.rates import Rate, Rates
from ingest.usage import TokenUsage, counts_of

PICO = 10**12
_PICODOLLAR = Decimal("1E-12")
# Far more digits than an amount below the limit has: nothing is rounded here.
_CONTEXT = Context(prec=120)
_multiply, _add = _CONTEXT.multiply, _CONTEXT.add
# What the warehouse's Decimal(38, 12) holds, USD.
_MOST = Decimal(10) ** 26
_INPUT, _OUTPUT = SLOT_OF_FIELD["input_tokens"], SLOT_OF_FIELD["output_tokens"]
_AUDIO = SLOT_OF_FIELD["audio_ms"]
_WEB, _FILES = SLOT_OF_FIELD["web_searches"], SLOT_OF_FIELD["file_searches"]
_CODE = SLOT_OF_FIELD["code_executions"]
_TOKEN_CLASSES = frozenset(found.name for found in CLASSES if found.kind is Kind.TOKENS)
_GROUPS = {Group.INPUT: 0, Group.CACHE: 1, Group.OUTPUT: 2}


_Line = tuple[int, int, tuple[int, ...], int, int, int, str, Decimal, int]
"""How one class is billed; a plain tuple, which is taken apart faster than a named one:

- where its count stands, and where the count stands that the lines of all its parts sum to;
- further counts that it is taken off: those of the classes between the two;
- its group;
- picodollars for how many pieces (numerator, denominator);
- its name, its price, and for how many of them that is.
"""


class _Plan(NamedTuple):
    """All lines of one price at one length of input."""

    lines: tuple[_Line, ...]
    overlaps: tuple[tuple[int, int], ...]
    """(part, whole): parts of two classes that are billed apart; billed with one of them, they come off the other."""
    fees: tuple[_Line, ...]
    """Tools and the request: they come on top, and say nothing about whether the call could be priced."""
    has_request_fee: bool
    unbilled: tuple[int, ...]
    """Tokens without a rate."""


class CompiledPrice:
    """`Rates`, ready to be applied. Implements `Price`."""

    __slots__ = ("_least_audio_ms", "_plans", "_thresholds", "rates", "version")

    needs_usage = True

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.version = rates.version
        known = dict(rates.known())
        self._thresholds = sorted({tier.above for rate in known.values() for tier in rate.tiers})
        lengths = [0, *(above + 1 for above in self._thresholds)]
        self._plans = tuple(_plan(known, length) for length in lengths)
        self._least_audio_ms = rates.least_audio_ms

    def cost(self, usage: TokenUsage, latency_ms: int = 0) -> CallCost:  # noqa: ARG002 - list prices do not go by time
        """What `usage` costs, unpriced (with the reason) where there is no rate for something that was used.

        Raises InvalidUsage when the counts contradict each other, or when they cost more than money can count.
        """
        left = list(counts_of(usage))
        plan = self._plans[bisect_left(self._thresholds, left[_INPUT]) if self._thresholds else 0]
        if self._least_audio_ms and left[_AUDIO]:
            left[_AUDIO] = max(left[_AUDIO], self._least_audio_ms)
        for slot, container in plan.overlaps:
            left[container] -= left[slot]
        sums = [ZERO, ZERO, ZERO]
        components = _bill(plan.lines, left, sums)
        if (plan.unbilled and any(left[slot] for slot in plan.unbilled)) or not (
            components or _is_free(usage)
        ):
            return unpriced_use(usage)
        if plan.has_request_fee or left[_WEB] or left[_FILES] or left[_CODE]:
            left.append(1)
            components += _bill(plan.fees, left, sums)
        inputs, cache, output = sums
        whole = _add(_add(inputs, output), cache)
        if whole >= _MOST:
            raise InvalidUsage(f"the counts cost {whole:.0f} USD; the limit is below 1e26 USD")
        return CallCost(whole, inputs, cache, output, whole, self.version, True, tuple(components))


def _bill(lines: tuple[_Line, ...], left: list[int], sums: list[Decimal]) -> list[CostComponent]:
    """Bill what is `left` by `lines`: take it off, add it to the `sums` of the groups, and tell it line by line."""
    components = []
    for slot, whole, between, group, numerator, denominator, name, price, per in lines:
        quantity = left[slot]
        if quantity > 0:
            room = left[whole]
            if quantity > room:
                quantity = room
            if quantity:
                left[whole] = room - quantity
                for container in between:
                    left[container] -= quantity
                pico = quantity * numerator
                if denominator != 1:
                    pico = _divided(pico, denominator)
                cost = _multiply(pico, _PICODOLLAR)
                sums[group] = cost if sums[group] is ZERO else _add(sums[group], cost)
                components.append(CostComponent(name, quantity, price, cost, per))
    return components


def unpriced(reason: str) -> CallCost:
    """No cost, since no price is known; never to be shown as free."""
    return CallCost(is_priced=False, unpriced_because=reason)


def unpriced_use(usage: TokenUsage) -> CallCost:
    """Something of `usage` has no rate in a price that is known."""
    used = [name for name in usage.__struct_fields__ if getattr(usage, name)]
    return unpriced(f"the price has no rate for all of {', '.join(used)}")


def _divided(numerator: int, denominator: int) -> int:
    """The nearest whole number, the even one of two that are equally near."""
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + 1 if twice > denominator or (twice == denominator and whole % 2) else whole


def _is_free(usage: TokenUsage) -> bool:
    """Whether nothing was used that has to have a price. Tools beside the tokens have none at many providers."""
    return not usage.total_tokens and not any(
        getattr(usage, found.counts) for found in CLASSES if found.kind is Kind.UNITS
    )


def _plan(rates: dict[str, Rate], input_tokens: int) -> _Plan:
    lines = [
        _line(found, rates[found.name].at(input_tokens))
        for found in CLASSES
        if found.name in rates and found.kind in (Kind.TOKENS, Kind.UNITS)
    ]
    # A tool without a rate stands on the bill at 0, so that a fee that we do not know of is seen to be missing.
    fees = [
        _line(found, rates[found.name].at(input_tokens) if found.name in rates else Decimal(0))
        for found in CLASSES
        if found.kind is Kind.TOOLS or (found.kind is Kind.REQUEST and found.name in rates)
    ]
    overlaps = [
        (slot_of(found), slot_of(BY_NAME[found.within[0]]))
        for found in CLASSES
        if found.name not in rates and len(found.within) == 3 and all(n in rates for n in found.within[:2])
    ]
    return _Plan(tuple(lines), tuple(overlaps), tuple(fees), "request" in rates, _unbilled(rates))


def _line(found: TokenClass, price: Decimal) -> _Line:
    ratio = Fraction(price) * PICO / found.per
    within = tuple(slot_of(BY_NAME[name]) for name in found.within)
    return (
        slot_of(found),
        within[-1] if within else slot_of(found),
        within[:-1],
        _GROUPS[found.group],
        ratio.numerator,
        ratio.denominator,
        found.name,
        price,
        found.per,
    )


def _unbilled(rates: dict[str, Rate]) -> tuple[int, ...]:
    """Tokens whose whole has no rate. A model that is billed by time, characters, pages or images alone may report
    tokens too; they cost nothing."""
    if rates.keys() and not rates.keys() & _TOKEN_CLASSES:
        return ()
    return tuple(slot for name, slot in (("input", _INPUT), ("output", _OUTPUT)) if name not in rates)
