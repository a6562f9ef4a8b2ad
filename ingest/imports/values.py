"""Cells to values: instants, whole numbers, texts. Pure; each raises InvalidInput that shows the cell."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

import msgspec

from ingest.errors import InvalidInput

Cell = object
"""A text of a CSV; a JSON value of a JSONL."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_MOST_TOKENS = 10**12
_SHOWN = 60

_NUMBER = re.compile(r"\d{9,19}(\.\d*)?")
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<minute>\d\d:\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)
_TRUE = frozenset({"1", "true", "yes", "t"})
_FALSE = frozenset({"0", "false", "no", "f"})


def text(cell: Cell) -> str:
    """The cell as a text without surrounding blanks; nothing (`None`, empty) is an empty text."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | Decimal):
        return str(cell)
    raise InvalidInput(f"{_show(cell)} is no text")


def count(cell: Cell) -> int | None:
    """A whole number of tokens or milliseconds, at most 10^12; `12.0` is one. None for an empty cell."""
    written = text(cell)
    if not written:
        return None
    try:
        number = Decimal(written)
        whole = number == number.to_integral_value() and 0 <= number <= _MOST_TOKENS
    except InvalidOperation:
        whole = False
        number = Decimal(0)
    if not whole:
        raise InvalidInput(f"{_show(cell)} is no whole number from 0 to {_MOST_TOKENS}")
    return int(number)


def milliseconds(cell: Cell) -> int | None:
    """A duration in milliseconds, rounded to whole ones. None for an empty cell."""
    written = text(cell)
    if not written:
        return None
    try:
        number = Decimal(written)
        if not 0 <= number <= _MOST_TOKENS:
            raise InvalidOperation
    except InvalidOperation:
        raise InvalidInput(f"{_show(cell)} is no number of milliseconds") from None
    return int(number.to_integral_value())


def flag(cell: Cell) -> bool:
    """Yes or no; an empty cell is no."""
    written = text(cell).lower()
    if not written or written in _FALSE:
        return False
    if written in _TRUE:
        return True
    raise InvalidInput(f"{_show(cell)} is neither true nor false")


def tags(cell: Cell) -> dict[str, str]:
    """A JSON object of texts, or the text of one."""
    if cell is None or cell == "":
        return {}
    try:
        given = msgspec.json.decode(cell) if isinstance(cell, str) else cell
    except msgspec.DecodeError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InvalidInput(f'{_show(cell)} is no JSON object such as {{"env": "prod"}}')
    return {name: text(value) for name, value in sorted(given.items())}


def instant(cell: Cell, zone: tzinfo) -> datetime:
    """An instant, UTC, from ISO 8601 (a blank for the `T` and any number of fractional digits are fine; those beyond
    microseconds are cut) or from seconds, milliseconds, microseconds or nanoseconds since 1970.

    Without an offset it is local to `zone`; of a time that the clock shows twice the first is meant. It lies between
    the years 2000 and 2100, since anything else is a unit mistaken for another.
    """
    written = text(cell)
    if not written:
        raise InvalidInput("there is no time")
    if _NUMBER.fullmatch(written):
        moment = _from_epoch(Decimal(written))
    elif match := _ISO.fullmatch(written):
        moment = _from_iso(match, zone, cell)
    else:
        raise InvalidInput(f"{_show(cell)} is no time in ISO 8601 and no number of seconds or milliseconds")
    if not _EARLIEST <= moment < _LATEST:
        raise InvalidInput(f"{_show(cell)} is {moment:%Y-%m-%d}; a call happened from 2000 to 2099")
    return moment


def _from_epoch(number: Decimal) -> datetime:
    """By size: 11 digits before the point hold seconds up to the year 5138, 14 milliseconds, 17 microseconds."""
    digits = len(str(int(number)))
    per_second = next((10**unit for limit, unit in ((11, 0), (14, 3), (17, 6)) if digits <= limit), 10**9)
    return _EPOCH + timedelta(microseconds=int(number * 1_000_000 / per_second))


def _from_iso(match: re.Match[str], zone: tzinfo, cell: Cell) -> datetime:
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    written = f"{match['day']}T{match['minute'] or '00:00'}:{match['second'] or '00'}.{fraction}"
    offset = (match["zone"] or "").upper().replace("UTC", "Z")
    try:
        moment = datetime.fromisoformat(written + offset)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{_show(cell)} is no day and time of the calendar") from None


def _show(cell: Cell) -> str:
    shown = repr(cell)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
