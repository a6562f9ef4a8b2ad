"""One row of the present warehouse beside the same row of the replay: is that a difference? Pure.

Calls go on while a replay runs, and the log forgets. What has changed since, is not loaded yet, or has left the log is
told apart from what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from warehouse.replay.bounds import Bounds, Place
from warehouse.replay.digests import RowDigest


class Verdict(StrEnum):
    """What two rows are to one another."""

    EQUAL = "equal"
    REPEAT = "repeat"
    """Equal but for the position: the log holds the record twice, and each side stored another of the two."""
    NEWER = "newer"
    """The present row comes from behind the end of the replay."""
    WAITING = "waiting"
    """The present warehouse has not come as far yet."""
    GONE = "gone"
    """The present row's record has left the log."""
    DIFFERENT = "different"
    LACKING = "lacking"
    """The present warehouse lacks a row that the log gives."""
    FOREIGN = "foreign"
    """The present warehouse has a row that the log does not give."""


WRONG = frozenset({Verdict.DIFFERENT, Verdict.LACKING, Verdict.FOREIGN})


@dataclass(frozen=True)
class Wrong:
    """One row that is not as the log gives it; `columns` has what differs as (present, replayed)."""

    table: str
    name: str
    verdict: Verdict
    columns: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    def describe(self) -> str:
        """For people, one line."""
        if self.verdict is Verdict.LACKING:
            return f"{self.name}: missing here, the log has it"
        if self.verdict is Verdict.FOREIGN:
            return f"{self.name}: stands here, the log does not have it"
        told = "; ".join(f"{name} is {a} here, {b} by the log" for name, (a, b) in self.columns.items())
        return f"{self.name}: {told or 'differs'}"


def judge(present: RowDigest | None, replayed: RowDigest | None, bounds: Bounds) -> Verdict:
    """What the row `present` is to the same one `replayed`; None where a side has none."""
    if present is not None and replayed is not None:
        if present.whole == replayed.whole:
            return Verdict.EQUAL
        if present.content == replayed.content:
            return Verdict.REPEAT
    if present is not None and (place := bounds.place(present.partition, present.offset)) is not Place.HELD:
        return Verdict.NEWER if place is Place.NEWER else Verdict.GONE
    if replayed is None:
        return Verdict.FOREIGN
    if bounds.is_waiting(replayed.partition, replayed.offset):
        return Verdict.WAITING
    return Verdict.LACKING if present is None else Verdict.DIFFERENT


def differing_columns(present: Mapping[str, Any], replayed: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The columns in which two rows are not the same."""
    return {name: (value, replayed[name]) for name, value in present.items() if replayed.get(name) != value}


@dataclass
class Tally:
    """How many rows of one table got which verdict, and the first of the wrong ones."""

    table: str
    present: int = 0
    replayed: int = 0
    counts: dict[Verdict, int] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, verdict: Verdict, rows: int = 1) -> None:
        """Count `rows` rows."""
        self.counts[verdict] = self.counts.get(verdict, 0) + rows

    def count(self, *verdicts: Verdict) -> int:
        """How many rows got one of these."""
        return sum(self.counts.get(verdict, 0) for verdict in verdicts)

    @property
    def differences(self) -> int:
        """How many rows are wrong."""
        return self.count(*WRONG)


def render(tallies: Iterable[Tally]) -> str:
    """The comparison as text, with a verdict in the last line."""
    lines = [
        f"{'table':<22}{'here':>12}{'replayed':>12}{'equal':>12}{'different':>12}{'left the log':>14}{'on the way':>12}"
    ]
    tallies = list(tallies)
    for tally in tallies:
        lines.append(
            f"{tally.table:<22}{tally.present:>12,}{tally.replayed:>12,}"
            f"{tally.count(Verdict.EQUAL, Verdict.REPEAT):>12,}{tally.differences:>12,}"
            f"{tally.count(Verdict.GONE):>14,}{tally.count(Verdict.NEWER, Verdict.WAITING):>12,}"
        )
    lines.append("")
    for tally in tallies:
        lines += [f"DIFFERS  {tally.table}, {wrong.describe()}" for wrong in tally.wrong]
        if tally.differences > len(tally.wrong):
            lines.append(f"… and {tally.differences - len(tally.wrong):,} more in {tally.table}")
    lines += _notes(tallies)
    found = sum(tally.differences for tally in tallies)
    lines.append(f"{found:,} rows are not as the log gives them" if found else "equal, row for row")
    return "\n".join(lines)


def _notes(tallies: Iterable[Tally]) -> list[str]:
    notes = []
    for tally in tallies:
        if gone := tally.count(Verdict.GONE):
            notes.append(
                f"{gone:,} rows of {tally.table} come from records that the log no longer holds; they cannot be compared"
                " and are no differences"
            )
        if repeats := tally.count(Verdict.REPEAT):
            notes.append(
                f"{repeats:,} rows of {tally.table} were stored from another of the same records, which the log holds twice"
            )
    return notes
