"""Reading the warehouse's frames row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row, with the columns as attributes. Which types these have, the query says and no type checker can."""
    return iter(frame.itertuples(index=False))


def texts(frame: pd.DataFrame, column: str) -> list[str]:
    """A column of names."""
    return [str(value) for value in frame[column]]
