"""Between the filter bar's controls and `Filters`. Pure; what the controls send is as hostile as an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard import formatting
from dashboard.filters import DEFAULT, Filters, Range, custom, decode, encode, sorted_names
from dashboard.frames import records
from dashboard.periods import Period

if TYPE_CHECKING:
    import pandas as pd

DIMENSIONS = {"team": "teams", "provider": "providers", "model": "models", "key": "keys"}
# A select takes no empty value, and calls without a team are a choice like any other: each value has a mark before it.
_MARK = "="


def filters_from_controls(
    period: object, days: object, names: Mapping[str, object], shown: Period
) -> tuple[Filters, tuple[str, ...]]:
    """What the controls say, and notices. `shown` is what "Custom" begins with, before days are chosen.

    It goes through the same text form as a link, so that a payload can say nothing that a link could not.
    """
    wanted = Filters()
    notices: tuple[str, ...] = ()
    if period == Range.CUSTOM:
        first, last = _days(days) or (shown.start.date(), shown.end.date() - timedelta(days=1))
        wanted, notice = custom(first, last)
        notices = (notice,) if notice else ()
    elif isinstance(period, str) and period in set(Range):
        wanted = Filters(range=Range(period))
    chosen: dict[str, Any] = {field: _names(names.get(dimension)) for dimension, field in DIMENSIONS.items()}
    filters, more = decode(encode(replace(wanted, **chosen)))
    return filters, (*notices, *more)


def control_values(filters: Filters) -> dict[str, Any]:
    """What the controls show for `filters`: by id without its suffix."""
    days = [filters.first.isoformat(), filters.last.isoformat()] if filters.first and filters.last else None
    values: dict[str, Any] = {"range": filters.range.value, "dates": days}
    for dimension, field in DIMENSIONS.items():
        values[dimension] = [_MARK + name for name in getattr(filters, field)]
    return values


def options(frame: pd.DataFrame, filters: Filters) -> dict[str, list[dict[str, str]]]:
    """The choices of each select, from an answer to `AvailableNames`; what is chosen is always among them."""
    found: dict[str, list[str]] = {dimension: [] for dimension in DIMENSIONS}
    for row in records(frame):
        found[row.dimension].append(row.name)
    choices = {}
    for dimension, field in DIMENSIONS.items():
        known = set(found[dimension])
        strangers = [name for name in getattr(filters, field) if name not in known]
        choices[dimension] = [
            *({"value": _MARK + name, "label": _label(name, dimension)} for name in found[dimension]),
            *(
                {"value": _MARK + name, "label": f"{_label(name, dimension)} – no calls"}
                for name in strangers
            ),
        ]
    return choices


def strangers(frame: pd.DataFrame, filters: Filters) -> tuple[str, ...]:
    """A sentence for each chosen name that no call of the period carries."""
    known: set[tuple[str, str]] = set(zip(frame["dimension"], frame["name"], strict=True))
    return tuple(
        f"No call of this period has the {dimension} “{_label(name, dimension)}”."
        for dimension, field in DIMENSIONS.items()
        for name in getattr(filters, field)
        if (dimension, name) not in known
    )


def in_words(filters: Filters) -> str:
    """How the calls are narrowed, for the button that opens the filters: `2 filters`."""
    number = sum(len(getattr(filters, field)) for field in DIMENSIONS.values())
    return "" if filters == DEFAULT or not number else f"{number} filter{'s' if number > 1 else ''}"


def _label(name: str, dimension: str) -> str:
    return formatting.name(name, f"(no {dimension})")


def _names(values: object) -> tuple[str, ...]:
    if not isinstance(values, Iterable) or isinstance(values, str):
        return ()
    return sorted_names([value[len(_MARK) :] for value in values if isinstance(value, str)])


def _days(values: object) -> tuple[date, date] | None:
    if not isinstance(values, list) or len(values) != 2:
        return None
    try:
        return date.fromisoformat(values[0][:10]), date.fromisoformat(values[1][:10])
    except (TypeError, ValueError):
        return None
