"""How commands answer: texts as they are, everything else as JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable

import typer


def say(value: object) -> None:
    """One line."""
    typer.echo(value if isinstance(value, str) else json.dumps(value))


def say_each(values: Iterable[object]) -> None:
    """A line for each."""
    for value in values:
        say(value)
