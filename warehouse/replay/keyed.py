"""Tables whose rows do not say where on the log their record stood: compared by their keys, and placed by their time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.client import Client
from warehouse.replay.comparing import Verdict
from warehouse.state_rows import DEAD_LETTERS, LETTER_ACTIONS
from warehouse.versions import VERSIONS


@dataclass(frozen=True)
class KeyedRow:
    """The hash of a row, and the moment that it tells of."""

    hash: int
    at: datetime


@dataclass(frozen=True)
class Keyed:
    """`key` are expressions of texts that name a row, `columns` what is compared, `at` the column with its moment."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    at: str

    def rows(self, client: Client) -> dict[str, KeyedRow]:
        """All rows by name. Blocks."""
        found = client.rows(
            f"SELECT concatWithSeparator('/', {', '.join(self.key)}), cityHash64(({', '.join(self.columns)})), {self.at}"
            f" FROM {self.name} FINAL"
        )
        return {name: KeyedRow(digest, at) for name, digest, at in found}


_PLACE = ("topic", "toString(kafka_partition)", "toString(kafka_offset)")
LETTERS = Keyed("dead_letters", _PLACE, tuple(DEAD_LETTERS.names), "seen_at")
ACTIONS = Keyed("dead_letter_actions", (*_PLACE, "toString(at)", "action"), tuple(LETTER_ACTIONS.names), "at")
CALL_VERSIONS = Keyed(
    "call_versions",
    ("team", "call_id", "toString(version)"),
    # Of a record that the log holds twice, either may be the one whose time was kept.
    tuple(name for name in VERSIONS.names if name != "logged_at"),
    "logged_at",
)


def judge_keyed(
    ours: KeyedRow | None,
    theirs: KeyedRow | None,
    newest: datetime | None,
    *,
    has_lost: bool,
    is_behind: bool,
) -> Verdict:
    """What the present row is to the replayed one; `newest` is the latest moment that the replay has, `has_lost` says that
    the log does not begin at its beginning any more, `is_behind` that the present warehouse has not loaded all of it. Pure.
    """
    if ours is not None and theirs is not None:
        if ours.hash == theirs.hash:
            return Verdict.EQUAL
        return Verdict.NEWER if ours.at > theirs.at else Verdict.DIFFERENT
    if ours is None:
        return Verdict.WAITING if is_behind else Verdict.LACKING
    if newest is None or ours.at > newest:
        return Verdict.NEWER
    return Verdict.GONE if has_lost else Verdict.FOREIGN
