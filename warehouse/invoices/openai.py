"""OpenAI's organization usage and costs (API reference, "Usage": `GET /v1/organization/usage/{completions, embeddings,
moderations, images, audio_speeches, audio_transcriptions, web_searches, file_searches, …}` and `GET /v1/organization/costs`).

A page holds buckets, a bucket results. `input_tokens` is all input, cached and cache-write tokens included; a field that
was not grouped by is null. Times are seconds since 1970, days are UTC. A line item of the costs reads `model, class`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ingest.errors import InvalidInput
from warehouse.invoices.report import Key, Kind, Measure, Period, Report, count

_KINDS = {
    "organization.usage.completions.result": Kind.TEXT,
    "organization.usage.embeddings.result": Kind.EMBEDDINGS,
    "organization.usage.moderations.result": Kind.MODERATIONS,
    "organization.usage.images.result": Kind.IMAGES,
    "organization.usage.audio_speeches.result": Kind.SPEECH,
    "organization.usage.audio_transcriptions.result": Kind.TRANSCRIPTION,
    "organization.usage.web_searches.result": Kind.ANY,
    "organization.usage.file_searches.result": Kind.ANY,
}
_COSTS = "organization.costs.result"
_PIECES = {
    "images": Measure.IMAGES,
    "characters": Measure.CHARACTERS,
    "seconds": Measure.AUDIO_SECONDS,
    "output_audio_tokens": Measure.AUDIO_OUTPUT,
    "input_audio_tokens": Measure.AUDIO_INPUT,
}
_SEARCHES = {
    "organization.usage.web_searches.result": Measure.WEB_SEARCHES,
    "organization.usage.file_searches.result": Measure.FILE_SEARCHES,
}
_TITLES = {
    name: f"usage, {name.removeprefix('organization.usage.').removesuffix('.result')}" for name in _KINDS
} | {_COSTS: "costs"}


def is_page(page: Mapping[str, Any]) -> bool:
    """Whether this is one of these pages."""
    return page.get("object") == "page" and isinstance(page.get("data"), list)


def read_page(page: Mapping[str, Any], provider: str) -> Report:
    """The report in one page. Raises InvalidInput for what the documentation does not describe.

    A page without any result does not say of which list it is: its report has no title.
    """
    buckets = [(bucket, _results(bucket)) for bucket in page["data"]]
    names = {str(result.get("object")) for _, results in buckets for result in results}
    if strange := names - _KINDS.keys() - {_COSTS}:
        raise InvalidInput(f"results of the kind {min(strange)!r} cannot be compared with calls")
    if len(names) > 1:
        raise InvalidInput(f"one page holds results of several kinds: {', '.join(sorted(names))}")
    report = Report(provider)
    for name in names:
        report.title, report.kind = _TITLES.get(name, name), _KINDS.get(name, Kind.ANY)
    for bucket, results in buckets:
        start = _instant(bucket, "start_time")
        report.periods.append(Period(start, _instant(bucket, "end_time")))
        for result in results:
            (_read_cost if _COSTS in names else _read_usage)(report, result, start)
    return report


def _results(bucket: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = bucket.get("results")
    return [result for result in found if isinstance(result, dict)] if isinstance(found, list) else []


def _read_usage(report: Report, result: Mapping[str, Any], start: datetime) -> None:
    kind = result["object"]
    key = Key(start.date(), result.get("model") or "")
    if kind in _SEARCHES:
        report.add(key, _SEARCHES[kind], count("num_requests", result.get("num_requests")))
        return
    report.add(key, Measure.REQUESTS, count("num_model_requests", result.get("num_model_requests")))
    for name, measure in _PIECES.items():
        if result.get(name) is not None:
            report.add(key, measure, count(name, result[name]))
    if "input_tokens" not in result:
        return
    whole, cached = (count(name, result.get(name)) for name in ("input_tokens", "input_cached_tokens"))
    report.add(key, Measure.INPUT, whole)
    if result.get("input_cached_tokens") is not None:
        report.add(key, Measure.CACHE_READ, cached)
    if result.get("input_cache_write_tokens") is not None:
        report.add(
            key, Measure.CACHE_WRITE, count("input_cache_write_tokens", result["input_cache_write_tokens"])
        )
    if "output_tokens" in result:
        report.add(key, Measure.OUTPUT, count("output_tokens", result["output_tokens"]))


def _read_cost(report: Report, result: Mapping[str, Any], start: datetime) -> None:
    amount = result.get("amount") or {}
    currency = str(amount.get("currency") or "usd").lower()
    if currency != "usd":
        raise InvalidInput(f"an amount is in {currency}; costs are compared in USD")
    line_item = result.get("line_item") or ""
    model, comma, part = line_item.partition(", ")
    key = Key(start.date(), model) if comma else Key(start.date(), item=line_item)
    dollars = _usd(amount.get("value"))
    report.add(key, Measure.COST, dollars)
    if comma and (measure := _part(part)) is not None:
        report.add(key, measure, dollars)


def _part(words: str) -> Measure | None:
    """The part of our cost that a line item's class is: `cached input`, `input`, `output`, also `audio input` and the like."""
    if "cache" in words:
        return Measure.COST_CACHE
    if "output" in words:
        return Measure.COST_OUTPUT
    return Measure.COST_INPUT if "input" in words else None


def _usd(value: object) -> Decimal:
    """An amount; the documentation says a number, and some answers hold it as a text."""
    try:
        amount = Decimal(str(value)) if value is not None else Decimal(0)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvalidInput(f"an amount is {value!r}, which is no number")
    return amount


def _instant(bucket: Mapping[str, Any], name: str) -> datetime:
    value = bucket.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**33:
        raise InvalidInput(f"a bucket's {name} is {value!r}; seconds since 1970 are needed")
    return datetime.fromtimestamp(value, UTC)
