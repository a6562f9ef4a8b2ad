"""The filter state and its one text form, the query string of a link.

`decode` takes whatever a browser sends: what cannot be used is left out and said in a notice, never raised.
`decode(encode(filters))` is `filters` again, without a notice.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode

VERSION = "1"
MAX_NAMES = 50
MAX_NAME_LENGTH = 200
MAX_QUERY_LENGTH = 16_000
MAX_DAYS = 366
EARLIEST = date(2020, 1, 1)
LATEST = date(2099, 12, 31)
_SHOWN = 40


class Range(StrEnum):
    """The periods on offer. All but `custom` move with the day."""

    TODAY = "today"
    WEEK = "7d"
    MONTH = "30d"
    MONTH_TO_DATE = "mtd"
    CUSTOM = "custom"


@dataclass(frozen=True)
class Filters:
    """What the viewer wants to see. Names are sorted and unique; no name of a dimension means all of it.

    `first` and `last` are UTC days, both included, and are set for `Range.CUSTOM` alone.
    """

    range: Range = Range.MONTH_TO_DATE
    first: date | None = None
    last: date | None = None
    teams: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        """Whether any dimension is cut."""
        return bool(self.teams or self.providers or self.models or self.keys)


DEFAULT = Filters()
# The parameter of a link, and the field it fills; in the order in which a link names them.
_DIMENSIONS = {"team": "teams", "provider": "providers", "model": "models", "key": "keys"}
_PARAMETERS = ("v", "range", "from", "to", *_DIMENSIONS)


def encode(filters: Filters) -> str:
    """The canonical query string of `filters`, from `?` on: equal filters have equal links."""
    pairs: list[tuple[str, str]] = [("v", VERSION), ("range", filters.range)]
    if filters.first and filters.last:
        pairs += [("from", filters.first.isoformat()), ("to", filters.last.isoformat())]
    for parameter, field in _DIMENSIONS.items():
        pairs += [(parameter, name) for name in getattr(filters, field)]
    return "?" + urlencode(pairs)


def decode(search: str | None) -> tuple[Filters, tuple[str, ...]]:
    """The filters that a query string asks for, and a sentence about each part that could not be used."""
    if not isinstance(search, str) or search in ("", "?"):
        return DEFAULT, ()
    if len(search) > MAX_QUERY_LENGTH:
        return DEFAULT, (
            f"The link has {len(search):,} characters, more than {MAX_QUERY_LENGTH:,}: it is ignored.",
        )
    values: dict[str, list[str]] = {name: [] for name in _PARAMETERS}
    notices: list[str] = []
    for name, value in parse_qsl(search.removeprefix("?"), keep_blank_values=True):
        if name in values:
            values[name].append(value)
        else:
            notices.append(f"The link has an unknown part {_show(name)}: it is ignored.")
    if values["v"] not in ([], [VERSION]):
        notices.append(
            f"The link is of version {_show(values['v'][0])}, not {VERSION}: parts may be missing."
        )
    filters = _decode_range(values, notices)
    names: dict[str, Any] = {
        field: _decode_names(parameter, values[parameter], notices)
        for parameter, field in _DIMENSIONS.items()
    }
    return replace(filters, **names), tuple(dict.fromkeys(notices))


def custom(first: date, last: date) -> tuple[Filters, str]:
    """Filters for the days from `first` to `last`, and a notice ("" if none) where they cannot be had."""
    if first > last:
        return DEFAULT, f"The period starts on {first}, after its end on {last}: showing the month to date."
    if not (first >= EARLIEST and last <= LATEST):
        return DEFAULT, f"Days lie between {EARLIEST} and {LATEST}: showing the month to date."
    if (days := (last - first).days + 1) > MAX_DAYS:
        return DEFAULT, f"The period has {days:,} days, more than {MAX_DAYS}: showing the month to date."
    return Filters(range=Range.CUSTOM, first=first, last=last), ""


def sorted_names(names: list[str]) -> tuple[str, ...]:
    """Names as `Filters` holds them: sorted, each once."""
    return tuple(sorted(set(names)))


def _decode_range(values: dict[str, list[str]], notices: list[str]) -> Filters:
    asked = values["range"][-1] if values["range"] else Range.MONTH_TO_DATE.value
    if asked not in set(Range):
        notices.append(f"There is no period {_show(asked)}: showing the month to date.")
        return DEFAULT
    if asked != Range.CUSTOM:
        if values["from"] or values["to"]:
            notices.append("The link names days and a period: the period is shown.")
        return Filters(range=Range(asked))
    first, last = _decode_day(values["from"]), _decode_day(values["to"])
    if first is None or last is None:
        notices.append(
            "The link names no two days such as from=2026-11-01&to=2026-11-30: showing the month to date."
        )
        return DEFAULT
    filters, notice = custom(first, last)
    notices += [notice] if notice else []
    return filters


def _decode_day(texts: list[str]) -> date | None:
    text = texts[-1] if texts else ""
    if len(text) != len("2026-11-01"):  # fromisoformat would also take week dates and the short form
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _decode_names(parameter: str, given: list[str], notices: list[str]) -> tuple[str, ...]:
    usable = []
    for name in given:
        if len(name) > MAX_NAME_LENGTH or any(unicodedata.category(sign) == "Cc" for sign in name):
            notices.append(f"{_show(name)} cannot be the name of a {parameter}: it is ignored.")
        else:
            usable.append(name)
    names = sorted_names(usable)
    if len(names) > MAX_NAMES:
        notices.append(
            f"The link names {len(names):,} {parameter}s, more than {MAX_NAMES}: the first are shown."
        )
    return names[:MAX_NAMES]


def _show(text: str) -> str:
    """A stranger's text within a sentence: short, and without signs that would break the line."""
    clean = "".join(sign if sign.isprintable() else "�" for sign in text)
    return f"“{clean[:_SHOWN]}…”" if len(clean) > _SHOWN else f"“{clean}”"
