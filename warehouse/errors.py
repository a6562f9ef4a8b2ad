"""What can go wrong with the warehouse.

SpendstreamError
├── Unavailable
│   └── WarehouseUnavailable   it does not answer, or cannot now; trying again later can help
│       └── SchemaMissing      a database or table is not there yet; `spendstream migrate` makes it
├── WarehouseRefused           it answered that it will not do this; trying again cannot help
└── InvalidInput
    └── InvalidMigration       the schema's files and what was applied contradict each other
"""

from __future__ import annotations

from ingest.errors import InvalidInput, SpendstreamError, Unavailable


class WarehouseUnavailable(Unavailable):
    """The warehouse does not answer, or has no room or time for this now."""


class SchemaMissing(WarehouseUnavailable):
    """A database, table or view does not exist (yet)."""


class WarehouseRefused(SpendstreamError):
    """The warehouse understood and refused: wrong SQL, wrong types, no right. `code` is ClickHouse's number, if any."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class InvalidMigration(InvalidInput):
    """A migration was edited after it was applied, stands in the wrong order, or is unknown to this version."""
