"""A request's settings on a connection: set before its statement, gone after it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from warehouse.embedded.ask import CANCEL_MARK, Ask
from warehouse.embedded.errors import ClickHouseError, Code
from warehouse.embedded.native import Connection

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def literal(text: str) -> str:
    """A string of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(text: str) -> str:
    """A quoted name of SQL."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def apply_settings(connection: Connection, ask: Ask) -> None:
    """Set what `ask` brings. Raises ClickHouseError for a setting that is not there or may not be changed."""
    _set(connection, _wanted(ask))


@contextmanager
def borrowed_settings(connection: Connection, ask: Ask) -> Iterator[None]:
    """The same on a connection that outlives the request: its own values come back afterwards.

    A session may have locked its settings (`SET readonly = 1`): then only a request with settings fails.
    """
    wanted = _wanted(ask)
    kept = _values(connection, wanted)
    with _locked_is_fine(when=wanted.keys() == {CANCEL_MARK}):
        _set(connection, wanted)
    try:
        yield
    finally:
        with _locked_is_fine():
            _set(connection, kept)


@contextmanager
def _locked_is_fine(when: bool = True) -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        if not (when and error.code == Code.READONLY):
            raise


def _wanted(ask: Ask) -> dict[str, str]:
    wanted = {CANCEL_MARK: ask.query_id, **ask.settings}
    if (
        ask.statement.carries_data
    ):  # the engine takes parameters beside a statement, but not beside an INSERT's data
        wanted |= {f"param_{name}": value for name, value in ask.parameters.items()}
    for name in wanted:
        if not _NAME.match(name):
            raise ClickHouseError(Code.UNKNOWN_SETTING, f"Unknown setting {name!r}")
    if "readonly" in wanted:  # once it is set, nothing else may be
        wanted["readonly"] = wanted.pop("readonly")
    return wanted


def _set(connection: Connection, values: dict[str, str]) -> None:
    if values:
        pairs = ", ".join(f"{name} = {literal(value)}" for name, value in values.items())
        connection.query(f"SET {pairs}", "Null")


def _values(connection: Connection, names: dict[str, str]) -> dict[str, str]:
    """What these settings are now; names that are none are left out, `SET` will say so."""
    listed = ", ".join(literal(name) for name in names)
    rows = connection.query(
        f"SELECT name, value FROM system.settings WHERE name IN ({listed})", "JSONCompactEachRow"
    )
    return dict(json.loads(line) for line in rows.body.splitlines())
