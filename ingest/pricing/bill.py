"""Usage times rates: the bill of one call, line by line. Pure and exact.

Overlapping counts are split into disjoint ones first (input = uncached + cache reads + cache writes + audio; output =
plain + reasoning + audio). A class without a rate of its own is counted with the class that contains it. Each line is
rounded to 12 places, half-even, and every total is a sum of lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ingest.events.costs import CallCost, CostComponent
from ingest.money import ZERO, cost_of, usd
from ingest.pricing.rates import Rate, Rates
from ingest.usage import TokenUsage, check_usage

_GROUPS = {
    "input": "input",
    "audio_input": "input",
    "web_search": "input",
    "request": "input",
    "cache_read": "cache",
    "cache_write": "cache",
    "cache_write_1h": "cache",
    "output": "output",
    "reasoning": "output",
    "audio_output": "output",
}
_BY_THE_PIECE = frozenset({"web_search", "request"})
UNPRICED = CallCost(is_priced=False)
FREE = CallCost()


def bill(usage: TokenUsage, rates: Rates | None) -> CallCost:
    """What `usage` costs at `rates`.

    Unpriced (`is_priced` False, cost 0) when there are tokens for which no rate is known; free when there are none.
    Raises InvalidUsage when the counts contradict each other.
    """
    check_usage(usage)
    if rates is None:
        return UNPRICED if usage.total_tokens or usage.web_searches else FREE
    lines = []
    for token_class, quantity, rate in _lines(usage, rates):
        if rate is None:
            return UNPRICED
        lines.append(_line(token_class, quantity, rate.at(usage.input_tokens)))
    totals = {"input": ZERO, "cache": ZERO, "output": ZERO}
    for line in lines:
        totals[_GROUPS[line.token_class]] += line.cost_usd
    total = totals["input"] + totals["cache"] + totals["output"]
    return CallCost(
        cost_usd=total,
        input_cost_usd=totals["input"],
        cache_cost_usd=totals["cache"],
        output_cost_usd=totals["output"],
        list_cost_usd=total,
        price_version=rates.version,
        components=tuple(lines),
    )


def worst_case(input_tokens: int, output_tokens: int, rates: Rates) -> Decimal:
    """An upper bound, USD: every input token at the dearest way to bill input, every output token likewise."""
    inputs = (rates.input, rates.cache_write, rates.cache_write_1h, rates.audio_input)
    outputs = (rates.output, rates.reasoning, rates.audio_output)
    dearest_in = max((rate.dearest() for rate in inputs if rate), default=Decimal(0))
    dearest_out = max((rate.dearest() for rate in outputs if rate), default=Decimal(0))
    return cost_of(input_tokens, dearest_in) + cost_of(output_tokens, dearest_out)


def _line(token_class: str, quantity: int, price: Decimal) -> CostComponent:
    if token_class in _BY_THE_PIECE:
        return CostComponent(token_class, quantity, price, usd(price * quantity / 1000), 1000)
    return CostComponent(token_class, quantity, price, cost_of(quantity, price))


def _lines(usage: TokenUsage, rates: Rates) -> Iterator[tuple[str, int, Rate | None]]:
    """The disjoint counts above 0, each with the rate that bills it (None: there is no such rate)."""
    short_write = usage.cache_write_tokens - usage.cache_write_1h_tokens
    parts = [
        ("cache_read", usage.cache_read_tokens, rates.cache_read),
        ("cache_write", short_write, rates.cache_write),
        ("cache_write_1h", usage.cache_write_1h_tokens, rates.cache_write_1h or rates.cache_write),
        ("audio_input", usage.audio_input_tokens, rates.audio_input),
    ]
    yield from _split("input", usage.input_tokens, rates.input, parts)
    parts = [
        ("reasoning", usage.reasoning_tokens, rates.reasoning),
        ("audio_output", usage.audio_output_tokens, rates.audio_output),
    ]
    yield from _split("output", usage.output_tokens, rates.output, parts)
    if usage.web_searches:
        yield "web_search", usage.web_searches, rates.web_search or Rate(Decimal(0))
    if rates.request:
        yield "request", 1, rates.request


def _split(
    whole: str, total: int, rate: Rate | None, parts: list[tuple[str, int, Rate | None]]
) -> Iterator[tuple[str, int, Rate | None]]:
    rest = total
    for name, quantity, own in parts:
        if quantity and own is not None:
            # Audio that was read from the cache is a part of both; it is never taken off twice.
            quantity = min(quantity, rest)
            rest -= quantity
            yield name, quantity, own
    if rest:
        yield whole, rest, rate
