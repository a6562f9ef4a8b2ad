"""Which calls are to be costed again, and in which portions they are read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.errors import InvalidInput
from warehouse.client import Params
from warehouse.restoring import COLUMNS

PORTION = 10_000
"""Calls that are read at a time, about."""

_HOUR = timedelta(hours=1)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Selection:
    """Calls that started from `start` up to but not including `end`; an empty name means any. `model` is the model that was
    asked for or the one that answered, exactly."""

    start: datetime
    end: datetime
    model: str = ""
    team: str = ""
    provider: str = ""

    def where(self) -> tuple[str, Params]:
        """The condition on the view `calls`."""
        names = {"model": self.model, "team": self.team, "provider": self.provider}
        params: dict[str, str] = {name: text for name, text in names.items() if text}
        params |= {"start": _stamp(self.start), "end": _stamp(self.end)}
        parts = ["started_at >= {start:DateTime('UTC')}", "started_at < {end:DateTime('UTC')}"]
        parts += [f"{name} = {{{name}:String}}" for name in ("team", "provider") if name in params]
        if self.model:
            parts.append("(model = {model:String} OR request_model = {model:String})")
        return " AND ".join(parts), params

    def describe(self) -> str:
        """For people."""
        names = (("team", self.team), ("model", self.model), ("provider", self.provider))
        told = [f"{name} {value}" for name, value in names if value]
        if self.start > _FIRST:
            told.append(f"from {self.start:%Y-%m-%d}")
        if self.end < _LAST:
            told.append(f"to {self.end - timedelta(days=1):%Y-%m-%d}")
        return ", ".join(told) or "all calls"


@dataclass(frozen=True)
class Portion:
    """Calls of the hours from `start` up to `end`; of a busy hour only the `part`-th of `parts`."""

    start: datetime
    end: datetime
    calls: int
    part: int = 0
    parts: int = 1


def selection(first: str, last: str, *, model: str = "", team: str = "", provider: str = "") -> Selection:
    """From the words of a command: `first` and `last` are days (`2026-11-01`, UTC), both included; empty for no limit.

    Raises InvalidInput for what is no day, and when the last lies before the first.
    """
    start = _day("--from", first) if first else _FIRST
    end = _day("--to", last) + timedelta(days=1) if last else _LAST
    if end <= start:
        raise InvalidInput(f"--from {first} lies after --to {last}")
    return Selection(start, end, model.strip(), team.strip(), provider.strip())


def hours_sql(chosen: Selection) -> tuple[str, Params]:
    """Hour by hour, how many calls were chosen."""
    where, params = chosen.where()
    sql = f"SELECT toStartOfHour(started_at) AS hour, count() FROM calls WHERE {where} GROUP BY hour ORDER BY hour"
    return sql, params


def portions(hours: Sequence[tuple[datetime, int]], most: int = PORTION) -> Iterator[Portion]:
    """Quiet hours together, busy ones divided by a hash of their call ids, so that each portion has about `most` calls."""
    gathered: Portion | None = None
    for hour, calls in hours:
        if gathered is not None and gathered.calls + calls > most:
            yield gathered
            gathered = None
        if calls > most:
            parts = -(-calls // most)
            yield from (Portion(hour, hour + _HOUR, calls // parts, part, parts) for part in range(parts))
        elif gathered is None:
            gathered = Portion(hour, hour + _HOUR, calls)
        else:
            gathered = Portion(gathered.start, hour + _HOUR, gathered.calls + calls)
    if gathered is not None:
        yield gathered


def portion_sql(chosen: Selection, portion: Portion) -> tuple[str, Params]:
    """The calls of one portion, with the columns of `warehouse.restoring.COLUMNS`."""
    where, params = chosen.where()
    bounds = {"from": _stamp(portion.start), "until": _stamp(portion.end)}
    numbers = {"part": portion.part, "parts": portion.parts}
    sql = (
        f"SELECT {', '.join(COLUMNS)} FROM calls WHERE {where}"
        " AND started_at >= {from:DateTime('UTC')} AND started_at < {until:DateTime('UTC')}"
    )
    if portion.parts > 1:
        sql += " AND cityHash64(call_id) % {parts:UInt64} = {part:UInt64}"
        return sql, {**params, **bounds, **numbers}
    return sql, {**params, **bounds}


def _day(name: str, text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidInput(f"{name} {text!r} is no day such as 2026-11-01") from None
    if not _FIRST <= day < _LAST:
        raise InvalidInput(f"{name} {text} lies outside of the years 2000 to 2099")
    return day


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
