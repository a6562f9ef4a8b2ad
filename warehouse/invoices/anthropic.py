"""Anthropic's Admin API: messages usage report and cost report (API reference, "Get Messages Usage Report" and "Get Cost
Report": `GET /v1/organizations/usage_report/messages` and `GET /v1/organizations/cost_report`).

The input classes are disjoint. A cost's `amount` is a text in cents, with places: "123.45" is $1.2345 (the reference: "cost
amount in lowest currency units"). Costs of the priority tier are in no cost report. Buckets begin and end in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ingest.errors import InvalidInput
from warehouse.invoices.report import Key, Measure, Period, Report, count

_CENTS = Decimal(100)
_PARTS = {
    "uncached_input_tokens": Measure.COST_INPUT,
    "cache_read_input_tokens": Measure.COST_CACHE,
    "cache_creation": Measure.COST_CACHE,
    "output_tokens": Measure.COST_OUTPUT,
}
"""A cost's `token_type`, up to a dot -> the part of our cost that it is."""
_PRIORITY = "Anthropic's cost report leaves out the priority tier; calls of it are only in ours"


def is_page(page: Mapping[str, Any]) -> bool:
    """Whether this is one of these pages: its buckets name their time in words."""
    data = page.get("data")
    return (
        isinstance(data, list)
        and all(isinstance(b, dict) and "starting_at" in b for b in data)
        and bool(data)
    )


def read_page(page: Mapping[str, Any], provider: str) -> Report:
    """The report in one page. Raises InvalidInput for what the documentation does not describe."""
    report = Report(provider)
    for bucket in page["data"]:
        start, end = _instant(bucket, "starting_at"), _instant(bucket, "ending_at")
        report.periods.append(Period(start, end))
        for result in bucket.get("results") or ():
            if "amount" in result:
                _read_cost(report, result, start)
            elif "uncached_input_tokens" in result:
                _read_usage(report, result, start)
            else:
                raise InvalidInput(
                    "a result has neither uncached_input_tokens nor an amount; is it of another report?"
                )
    if report.amounts:
        is_cost = Measure.COST in report.measures
        report.title = "costs" if is_cost else "usage, messages"
        report.notes += [_PRIORITY] if is_cost else []
    return report


def _read_usage(report: Report, result: Mapping[str, Any], start: datetime) -> None:
    key = Key(start.date(), result.get("model") or "")
    creation = result.get("cache_creation") or {}
    classes = {
        Measure.UNCACHED: result["uncached_input_tokens"],
        Measure.CACHE_READ: result.get("cache_read_input_tokens"),
        Measure.CACHE_WRITE_5M: creation.get("ephemeral_5m_input_tokens"),
        Measure.CACHE_WRITE_1H: creation.get("ephemeral_1h_input_tokens"),
    }
    counts = {measure: count(measure, value) for measure, value in classes.items()}
    for measure, amount in counts.items():
        report.add(key, measure, amount)
    report.add(key, Measure.INPUT, sum(counts.values(), Decimal(0)))
    report.add(key, Measure.OUTPUT, count("output_tokens", result.get("output_tokens")))
    searches = (result.get("server_tool_use") or {}).get("web_search_requests")
    if searches is not None:
        report.add(key, Measure.WEB_SEARCHES, count("web_search_requests", searches))


def _read_cost(report: Report, result: Mapping[str, Any], start: datetime) -> None:
    currency = result.get("currency") or "USD"
    if currency != "USD":
        raise InvalidInput(f"an amount is in {currency}; costs are compared in USD")
    try:
        cents = Decimal(str(result["amount"]))
    except InvalidOperation:
        cents = Decimal("NaN")
    if not cents.is_finite():
        raise InvalidInput(f"an amount is {result['amount']!r}, which is no number")
    model = result.get("model") or ""
    item = "" if model else str(result.get("description") or result.get("cost_type") or "")
    key, amount = Key(start.date(), model, item), cents / _CENTS
    report.add(key, Measure.COST, amount)
    if model and (part := _PARTS.get(str(result.get("token_type")).partition(".")[0])) is not None:
        report.add(key, part, amount)


def _instant(bucket: Mapping[str, Any], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(str(bucket[name]))
    except (KeyError, ValueError):
        raise InvalidInput(f"a bucket's {name} is {bucket.get(name)!r}; an RFC 3339 time is needed") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
