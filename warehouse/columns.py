"""A table as the loader writes to it: its name, and its columns with their ClickHouse types, in one order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """`columns` are those that are written; what the table fills in by itself (`inserted_at`) is left out."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.columns]

    @property
    def types(self) -> list[str]:
        return [kind for _, kind in self.columns]
