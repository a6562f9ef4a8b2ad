"""A file's bytes as reports, whatever it is: pages of OpenAI's or Anthropic's API, one or many, or a CSV. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ingest.errors import InvalidInput
from warehouse.invoices import anthropic, openai
from warehouse.invoices.report import Report
from warehouse.invoices.table import read_table


def read_reports(
    content: bytes, provider: str = "", columns: Mapping[str, str] | None = None
) -> list[Report]:
    """What is in the file. `provider` takes the place of the one that the form suggests (Azure exports OpenAI's form).

    JSON: one page, a list of pages, or one page a line. Raises InvalidInput for anything that is none of these.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("it is no UTF-8 text; JSON or CSV is needed") from None
    if not text.lstrip().startswith(("{", "[")):
        return read_table(text, provider, columns or {})
    pages = list(_pages(text))
    reports = [_read_page(page, provider) for page in pages]
    named = next((report for report in reports if report.title), None)
    for report in reports:
        if not report.title and named is not None:  # a page without results does not say what it lists
            report.title, report.kind = named.title, named.kind
    if pages and all(page.get("has_more") for page in pages):
        reports[-1].notes.append(
            "the last page says that there are more (has_more): days that are missing look as if only we had them"
        )
    return reports


def _read_page(page: Mapping[str, Any], provider: str) -> Report:
    if openai.is_page(page):
        return openai.read_page(page, provider or "openai")
    if anthropic.is_page(page):
        return anthropic.read_page(page, provider or "anthropic")
    if page.get("data") == []:
        return Report(provider or "openai")
    raise InvalidInput(
        "it is neither a page of OpenAI's usage or costs API, nor of Anthropic's usage or cost report (docs/operations.md)"
    )


def _pages(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        whole = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as reason:
        if "Extra data" not in reason.msg:
            raise InvalidInput(f"it is no JSON (line {reason.lineno}: {reason.msg})") from None
        whole = [_line(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for page in whole if isinstance(whole, list) else [whole]:
        if not isinstance(page, dict):
            raise InvalidInput("a page is a JSON object with `data`")
        yield page


def _line(number: int, line: str) -> Any:
    try:
        return json.loads(line, parse_float=Decimal)
    except json.JSONDecodeError as reason:
        raise InvalidInput(f"line {number} is no JSON: {reason.msg}") from None
