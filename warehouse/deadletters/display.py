"""Letters as text for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingest.log import Record
from warehouse.deadletters.book import Letter
from warehouse.deadletters.desk import Original, verdict_on

_AROUND = 40  # characters shown before and after the place where JSON breaks
_LONGEST_SHOWN = 20_000  # characters of a value


def listing(letters: Sequence[Letter], width: int) -> str:
    """A table, one letter a line; reasons are cut to `width` characters."""
    longest = max([24, *(len(str(letter.id)) for letter in letters)])
    head = f"{'letter':<{longest}}  {'state':<10}{'seen (UTC)':<21}{'bytes':>9}  reason"
    lines = [head]
    for letter in letters:
        state = "fixed" if letter.is_fixed and letter.state == "open" else letter.state
        line = f"{letter.id!s:<{longest}}  {state:<10}{_stamp(letter.seen_at):<21}{letter.size:>9,}  "
        reason = " ".join(letter.reason.split())
        room = max(30, width - len(line))
        lines.append(line + (reason if len(reason) <= room else reason[: room - 1] + "…"))
    return "\n".join(lines)


def summary(letters: Sequence[Letter]) -> str:
    """One line: how many there are, by state."""
    counts: dict[str, int] = {}
    for letter in letters:
        counts[letter.state] = counts.get(letter.state, 0) + 1
    if not counts:
        return "no letters"
    return f"{len(letters):,} letters: " + ", ".join(f"{n:,} {state}" for state, n in sorted(counts.items()))


def as_json(letters: Sequence[Letter]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "id": str(letter.id),
            "topic": letter.id.topic,
            "partition": letter.id.partition,
            "offset": letter.id.offset,
            "state": letter.state.value,
            "is_fixed": letter.is_fixed,
            "seen_at": letter.seen_at.isoformat(),
            "bytes": letter.size,
            "reason": letter.reason,
            "acted_at": letter.acted_at.isoformat() if letter.acted_at else None,
            "acted_by": letter.acted_by,
            "note": letter.note,
            "replayed_to": letter.replayed_to,
        }
        for letter in letters
    ]


def whole(letter: Letter, original: Original) -> str:
    """Everything about one letter, its content decoded as far as that goes."""
    record = original.record
    lines = [
        f"letter    {letter.id}",
        f"state     {letter.state}{_acted(letter)}",
        f"seen      {_stamp(letter.seen_at)} UTC",
        f"reason    {letter.reason}",
        f"key       {_key(record.key)}",
        f"value     {len(record.value or b''):,} bytes{_wholeness(letter, original)}",
        *_content(record),
    ]
    if letter.fixed is not None:
        fixed = Record(*letter.id, record.key, letter.fixed)
        lines += ["", f"put right by {letter.acted_by or 'somebody'} ({len(letter.fixed):,} bytes)"]
        lines += _content(fixed)
    return "\n".join(lines)


def where_json_breaks(value: bytes) -> tuple[str, list[str]]:
    """A sentence and the place with a mark under it; an empty sentence for what is JSON."""
    try:
        text = value.decode()
    except UnicodeDecodeError as reason:
        text = value.decode(errors="replace")
        place = len(value[: reason.start].decode())
        return f"byte {reason.start:,} is no UTF-8 ({value[reason.start]:#04x})", _marked(text, place)
    try:
        json.loads(text)
    except json.JSONDecodeError as reason:
        place = len(text[: reason.pos].encode())
        said = f"no JSON from byte {place:,} on (line {reason.lineno}, column {reason.colno}): {reason.msg}"
        return said, _marked(text, reason.pos)
    except RecursionError:
        return "JSON that is nested too deeply", []
    return "", []


def pretty(value: bytes) -> str:
    """JSON with indents where it is JSON (numbers keep their digits), else the text as it is."""
    if where_json_breaks(value)[0]:
        return value.decode(errors="replace")
    return msgspec.json.format(value, indent=2).decode()


def _content(record: Record) -> list[str]:
    """What is in the value: why its readers do not take it, where it breaks, and what it says."""
    if record.value is None:
        return ["content   none (a tombstone)"]
    verdict = verdict_on(record)
    lines = [f"readers   {'would not take it: ' + verdict if verdict else 'would take it'}"]
    said, place = where_json_breaks(record.value)
    if said:
        lines.append(f"breaks    {said}")
        lines += [f"          {line}" for line in place]
    text = pretty(record.value)
    shown = text[:_LONGEST_SHOWN]
    lines += ["content", *(f"  {line}" for line in shown.splitlines())]
    if len(text) > len(shown):
        lines.append(f"  … and {len(text) - len(shown):,} more characters")
    return lines


def _marked(text: str, place: int) -> list[str]:
    """The text around `place` in one line, and a mark below the very character."""
    before, after = text[max(0, place - _AROUND) : place], text[place : place + _AROUND]
    before = "".join(c if c.isprintable() else "·" for c in before)
    after = "".join(c if c.isprintable() else "·" for c in after)
    return [before + after, " " * len(before) + "^"]


def _acted(letter: Letter) -> str:
    if letter.acted_at is None:
        return ""
    what = " and put right" if letter.is_fixed and letter.state == "open" else ""
    to = (
        ""
        if letter.replayed_to is None
        else f" as {letter.id.topic}/{letter.id.partition}/{letter.replayed_to}"
    )
    note = f": {letter.note}" if letter.note else ""
    return f"{what}{to} (by {letter.acted_by or 'somebody'}, {_stamp(letter.acted_at)} UTC){note}"


def _wholeness(letter: Letter, original: Original) -> str:
    if not original.is_whole:
        return " kept of a longer one, which has left its topic"
    return " (read from its topic: the letter keeps less)" if letter.is_cut else ""


def _key(key: bytes | None) -> str:
    if key is None:
        return "none"
    return f"{key.decode(errors='replace')} ({len(key):,} bytes)"


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
