"""What the calls in the warehouse come to, by day, model and measure: our side of a comparison.

A call counts on the day (UTC) on which it started. Calls that never reached the provider (`refused`) or that it did not
answer (`error`) are on no invoice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from warehouse.client import Client
from warehouse.invoices.report import Kind, Measure, Period, Report

_EXPRESSIONS = {
    Measure.REQUESTS: "1",
    Measure.INPUT: "input_tokens",
    Measure.UNCACHED: "input_tokens - cache_read_tokens - cache_write_tokens",
    Measure.CACHE_READ: "cache_read_tokens",
    Measure.CACHE_WRITE: "cache_write_tokens",
    Measure.CACHE_WRITE_5M: "cache_write_tokens - cache_write_1h_tokens",
    Measure.CACHE_WRITE_1H: "cache_write_1h_tokens",
    Measure.OUTPUT: "output_tokens",
    Measure.AUDIO_INPUT: "audio_input_tokens - usage_extra['audio_cache_read_tokens']",
    Measure.AUDIO_OUTPUT: "audio_output_tokens",
    Measure.WEB_SEARCHES: "web_searches",
    Measure.FILE_SEARCHES: "usage_extra['file_searches']",
    Measure.IMAGES: "usage_extra['images']",
    Measure.CHARACTERS: "usage_extra['characters']",
    Measure.AUDIO_SECONDS: "usage_extra['audio_ms'] / 1000",
    Measure.COST: "cost_usd",
    Measure.COST_INPUT: "input_cost_usd",
    Measure.COST_CACHE: "cache_cost_usd",
    Measure.COST_OUTPUT: "output_cost_usd",
}
"""Each measure of one call, in SQL."""

_OPERATIONS = {
    Kind.EMBEDDINGS: ("embeddings",),
    Kind.MODERATIONS: ("moderation", "moderations"),
    Kind.IMAGES: ("images",),
    Kind.SPEECH: ("speech",),
    Kind.TRANSCRIPTION: ("transcription", "translation"),
}
"""Which operations of the gateway a list is about; the list of completions is about all others."""


@dataclass(frozen=True)
class Amount:
    """An amount of ours, and the parts of it that rest on estimates and on calls without a price."""

    whole: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)
    unpriced: Decimal = Decimal(0)

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.whole + other.whole, self.estimated + other.estimated, self.unpriced + other.unpriced
        )


Ours = dict[tuple[date, str, Measure], Amount]
"""By day, model as the provider answered, and measure."""


def ask(client: Client, report: Report) -> Ours:
    """Our amounts for the time, the provider, the kind of calls and the measures of `report`. Blocks."""
    measures, periods = report.measures, report.merged()
    if not measures or not periods:
        return {}
    sums = ", ".join(_sums(measure) for measure in measures)
    rows = client.rows(
        f"SELECT toDate(started_at, 'UTC') AS day, model, {sums} FROM calls"
        f" WHERE provider = {{provider:String}} AND outcome IN ('ok', 'aborted')"
        f" AND ({_within(periods)}) AND {_of_kind(report.kind)} GROUP BY day, model",
        {"provider": report.provider},
    )
    found: Ours = {}
    for day, model, *amounts in rows:
        for measure, whole, estimated, unpriced in zip(
            measures, amounts[::3], amounts[1::3], amounts[2::3], strict=True
        ):
            found[day, model, measure] = Amount(Decimal(whole), Decimal(estimated), Decimal(unpriced))
    return found


def _sums(measure: Measure) -> str:
    # Decimal throughout: seconds have places, and a sum of floats would lose some.
    value = f"toDecimal128({_EXPRESSIONS[measure]}, 12)"
    # A call without a price has no cost to sum: how many there are says more.
    unpriced = (
        "toDecimal128(countIf(NOT is_priced), 12)" if measure.is_money else f"sumIf({value}, NOT is_priced)"
    )
    return f"sum({value}), sumIf({value}, is_estimated), {unpriced}"


def _within(periods: Sequence[Period]) -> str:
    """As texts: they are instants of ours, not of a file's."""
    return " OR ".join(
        f"(started_at >= toDateTime('{p.start:%Y-%m-%d %H:%M:%S}', 'UTC')"
        f" AND started_at < toDateTime('{p.end:%Y-%m-%d %H:%M:%S}', 'UTC'))"
        for p in periods
    )


def _of_kind(kind: Kind) -> str:
    if kind is Kind.ANY:
        return "1"
    if kind is Kind.TEXT:
        others = sorted(name for names in _OPERATIONS.values() for name in names)
        return f"operation NOT IN ({', '.join(map(repr, others))})"
    return f"operation IN ({', '.join(map(repr, _OPERATIONS[kind]))})"
