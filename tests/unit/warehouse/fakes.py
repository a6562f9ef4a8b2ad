"""A warehouse that remembers what it was asked and answers what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from warehouse.address import parse_address
from warehouse.client import Client, Params
from warehouse.columns import Table


class RememberingClient(Client):
    """`answers` are given to `rows` one after another; `inserts` are (table, rows)."""

    def __init__(self, *answers: list[tuple[Any, ...]]) -> None:
        super().__init__(parse_address("http://nowhere/x"), None)
        self.answers = list(answers)
        self.inserts: list[tuple[str, list[tuple[Any, ...]]]] = []
        self.asked: list[Params | None] = []

    @override
    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        self.asked.append(params)
        return self.answers.pop(0)

    @override
    def insert(self, table: Table, columns: Sequence[Sequence[Any]], token: str = "") -> None:
        self.inserts.append((table.name, list(zip(*columns, strict=True))))
