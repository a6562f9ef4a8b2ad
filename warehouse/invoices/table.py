"""An invoice or usage export as CSV: one row a day and model (or finer), columns found by their headers. Pure.

Days are UTC. An amount may be written `$1,234.50`; what is empty is not said.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from ingest.errors import InvalidInput
from ingest.imports.columns import simplify
from warehouse.invoices.report import Key, Measure, Report, whole_days

FIELDS: Mapping[str, tuple[str, ...]] = {
    "date": ("day", "usage_date", "timestamp", "time", "start_time", "starting_at", "usage_date_utc"),
    "model": ("model_name", "model_version", "model_id", "response_model"),
    "provider": ("vendor", "provider_name"),
    "requests": ("num_model_requests", "calls", "num_requests", "request_count"),
    "input_tokens": ("prompt_tokens", "context_tokens", "tokens_in", "usage_input_tokens"),
    "uncached_input_tokens": ("usage_input_tokens_no_cache", "input_tokens_no_cache", "input_uncached_tokens"),
    "cache_read_tokens": (
        "cached_tokens", "input_cached_tokens", "cached_input_tokens", "cache_read_input_tokens",
        "usage_input_tokens_cache_read", "input_tokens_cache_read",
    ),
    "cache_write_5m_tokens": ("usage_input_tokens_cache_write_5m", "input_tokens_cache_write_5m"),
    "cache_write_1h_tokens": ("usage_input_tokens_cache_write_1h", "input_tokens_cache_write_1h"),
    "output_tokens": ("completion_tokens", "generated_tokens", "tokens_out", "usage_output_tokens"),
    "cost_usd": ("cost", "amount", "amount_usd", "amount_value", "price", "total_cost", "cost_in_usd"),
}  # fmt: skip
"""Field -> other headers for it, as `simplify` writes them."""

_MEASURES = {
    "requests": Measure.REQUESTS,
    "input_tokens": Measure.INPUT,
    "uncached_input_tokens": Measure.UNCACHED,
    "cache_read_tokens": Measure.CACHE_READ,
    "cache_write_5m_tokens": Measure.CACHE_WRITE_5M,
    "cache_write_1h_tokens": Measure.CACHE_WRITE_1H,
    "output_tokens": Measure.OUTPUT,
    "cost_usd": Measure.COST,
}


def parse_columns(choices: Iterable[str]) -> dict[str, str]:
    """`field=header` of the command line; raises InvalidInput for anything else."""
    chosen = {}
    for choice in choices:
        field, equals, header = choice.partition("=")
        if not equals or not header or field not in FIELDS:
            raise InvalidInput(f"--column {choice!r} is no field=header; the fields are {', '.join(FIELDS)}")
        chosen[field] = header
    return chosen


def read_table(text: str, provider: str, columns: Mapping[str, str]) -> list[Report]:
    """One report a provider. `provider` is that of every row, unless a column says it. Raises InvalidInput, which names the
    line, when a row cannot be understood."""
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    headers = _headers(rows.fieldnames or (), columns)
    if "date" not in headers or not headers.keys() & _MEASURES.keys():
        found = (
            f"its headers are {', '.join(rows.fieldnames)}"
            if rows.fieldnames
            else "it has no line of headers"
        )
        raise InvalidInput(
            f"a table needs a date and at least one of {', '.join(_MEASURES)}; {found} (say --column FIELD=HEADER)"
        )
    reports: dict[str, Report] = {}
    for row in rows:
        try:
            _read_row(
                {field: (row[header] or "").strip() for field, header in headers.items()}, provider, reports
            )
        except InvalidInput as reason:
            raise InvalidInput(f"line {rows.line_num}: {reason}") from None
    return list(reports.values())


def _headers(names: Iterable[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Field -> header. Raises InvalidInput for a chosen header that is not there."""
    names = list(names)
    simple = {simplify(name): name for name in reversed(names)}
    found = {}
    for field, aliases in FIELDS.items():
        if (chosen := columns.get(field)) is not None:
            if chosen not in names:
                raise InvalidInput(f"there is no column {chosen!r}; there are {', '.join(names)}")
            found[field] = chosen
        elif hit := next((simple[name] for name in (field, *aliases) if name in simple), None):
            found[field] = hit
    return found


def _read_row(fields: Mapping[str, str], provider: str, reports: dict[str, Report]) -> None:
    if not any(fields.values()):
        return
    name = fields.get("provider", "").lower() or provider
    if not name:
        raise InvalidInput("no column says whose usage this is; say --provider")
    report = reports.setdefault(name, Report(name, "table"))
    day = _day(fields["date"])
    key = Key(day, fields.get("model", ""))
    report.periods.append(whole_days(day))
    for field, measure in _MEASURES.items():
        if text := fields.get(field):
            report.add(key, measure, _number(field, text))


def _day(text: str) -> date:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no date such as 2026-11-24") from None
    return (at.astimezone(UTC) if at.tzinfo else at).date()


def _number(field: str, text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", "").replace("$", "").replace("USD", "").strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or (number < 0 and field != "cost_usd"):
        raise InvalidInput(f"{field} is {text!r}; a number is needed")
    return number
