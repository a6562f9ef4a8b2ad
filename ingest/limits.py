"""What the warehouse's columns can hold. Whoever takes a number or a moment in checks it here, before it counts anywhere."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.errors import InvalidInput

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""Between these, the second excluded, lie all moments of calls."""
UINT16, UINT32, UINT64 = 2**16 - 1, 2**32 - 1, 2**64 - 1
"""The highest numbers of ClickHouse's types of these names."""


def whole(name: str, number: int, most: int) -> int:
    """`number` itself when a column up to `most` holds it."""
    if not 0 <= number <= most:
        raise InvalidInput(f"{name} is {number}; it must lie between 0 and {most}")
    return number


def within_years(name: str, moment: datetime) -> datetime:
    """`moment`, which has a time zone, when it can be that of a call."""
    if not EARLIEST <= moment < LATEST:
        raise InvalidInput(f"{name} is {moment.isoformat()}; it must lie in the years 2000 to 2099")
    return moment
