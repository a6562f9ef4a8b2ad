"""What a question to the warehouse is: a frozen value that writes its SQL and says its parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

Param = str | int | list[str]
Params = dict[str, Param]


class Query(Protocol):
    """A question: hashable, and equal values ask the same thing, so that answers can be kept by value."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the answer's columns, in order; they hold for an answer without rows, too."""
        ...

    def to_sql(self) -> tuple[str, Params]:
        """The SQL, with every value as a `{name:Type}` placeholder, and the values by name.

        ClickHouse binds the values on its side: whatever a value holds, it stays a value.
        """
        ...


def instant(value: datetime) -> str:
    """`value` as ClickHouse reads it for a parameter of type `DateTime('UTC')` or `DateTime64(6, 'UTC')`."""
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    moment = value.astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{moment.microsecond:06d}" if moment.microsecond else "")


def spelled_out(query: Query) -> str:
    """The query as an analyst can paste it into a ClickHouse client: `SET param_…` lines, then the SQL."""
    sql, params = query.to_sql()
    lines = [f"SET param_{name} = {_literal(value)};" for name, value in params.items()]
    return "\n".join([*lines, sql])


def _literal(value: Param) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return _quoted("[" + ", ".join(_quoted(item) for item in value) + "]")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{escaped}'"
