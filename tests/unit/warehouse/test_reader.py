"""The reader keeps its promises: columns, zones, money; and the cache asks once and forgets errors."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

import pandas as pd
import pytest
from typing_extensions import override

from ingest.clock import FixedClock
from ingest.errors import SpendstreamError
from warehouse.client import Client
from warehouse.errors import WarehouseUnavailable
from warehouse.queries.query import Params, Query
from warehouse.reader import CachedReader, ClickHouseReader

NOW = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)


@dataclass(frozen=True)
class Question:
    columns: ClassVar[tuple[str, ...]] = ("at", "cost_usd")
    number: int = 1

    def to_sql(self) -> tuple[str, Params]:
        return "SELECT at, cost_usd", {"number": self.number}


class FakeClient:
    def __init__(self, frame: pd.DataFrame) -> None:
        self.answer = frame
        self.asked: list[Any] = []
        self.is_closed = False

    def frame(self, sql: str, params: Params) -> pd.DataFrame:
        self.asked.append((sql, params))
        return self.answer.copy()

    def close(self) -> None:
        self.is_closed = True


def reader_of(frame: pd.DataFrame) -> ClickHouseReader:
    return ClickHouseReader(lambda: cast(Client, FakeClient(frame)))


def test_instants_become_aware_and_money_stays_decimal() -> None:
    naive = pd.DataFrame({"at": [datetime(2026, 11, 24, 10)], "cost_usd": [Decimal("0.000000000001")]})
    row = reader_of(naive).read(Question()).iloc[0]
    assert row["at"] == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert row["at"].utcoffset().total_seconds() == 0
    assert isinstance(row["cost_usd"], Decimal)
    assert row["cost_usd"] == Decimal("0.000000000001")


def test_an_answer_without_rows_has_the_columns() -> None:
    frame = reader_of(pd.DataFrame()).read(Question())
    assert frame.empty
    assert tuple(frame.columns) == Question.columns


def test_an_answer_of_other_columns_is_an_error_that_names_both() -> None:
    with pytest.raises(SpendstreamError, match="Question promises at, cost_usd; the warehouse gave at"):
        reader_of(pd.DataFrame({"at": [1]})).read(Question())


def test_it_connects_at_the_first_question_and_again_after_a_failure() -> None:
    client = FakeClient(pd.DataFrame())
    attempts: list[int] = []

    def connect() -> Client:
        attempts.append(1)
        if len(attempts) == 1:
            raise WarehouseUnavailable("not yet")
        return cast(Client, client)

    reader = ClickHouseReader(connect)
    assert attempts == []
    with pytest.raises(WarehouseUnavailable):
        reader.read(Question())
    reader.read(Question(7))
    reader.read(Question(8))
    assert len(attempts) == 2
    assert client.asked == [("SELECT at, cost_usd", {"number": 7}), ("SELECT at, cost_usd", {"number": 8})]
    reader.close()
    assert client.is_closed


class Counting:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[Query] = []
        self.fails = False

    def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:  # noqa: ARG002 - keeps nothing
        self.asked.append(query)
        if self.fails:
            raise WarehouseUnavailable("away")
        return pd.DataFrame({"asked": [len(self.asked)]})


def asked(frame: pd.DataFrame) -> int:
    return int(frame.iloc[0]["asked"])


def test_a_young_answer_is_given_again_and_an_old_one_is_not() -> None:
    inner, clock = Counting(), FixedClock(NOW)
    reader = CachedReader(inner, clock, max_age_s=3)
    assert asked(reader.read(Question())) == 1
    clock.advance(3)
    assert asked(reader.read(Question())) == 1
    assert asked(reader.read(Question(2))) == 2
    clock.advance(0.1)
    assert asked(reader.read(Question())) == 3


def test_who_asks_says_how_old_an_answer_may_be() -> None:
    inner, clock = Counting(), FixedClock(NOW)
    reader = CachedReader(inner, clock, max_age_s=3)
    reader.read(Question())
    clock.advance(20)
    assert asked(reader.read(Question(), max_age_s=60)) == 1
    clock.advance(0.1)
    assert asked(reader.read(Question(), max_age_s=0)) == 2


def test_errors_are_not_kept() -> None:
    inner = Counting()
    reader = CachedReader(inner, FixedClock(NOW))
    inner.fails = True
    with pytest.raises(WarehouseUnavailable):
        reader.read(Question())
    inner.fails = False
    assert asked(reader.read(Question())) == 2


def test_what_one_does_to_an_answer_another_does_not_see() -> None:
    reader = CachedReader(Counting(), FixedClock(NOW))
    frame = reader.read(Question())
    frame.loc[0, "asked"] = 99
    frame["more"] = 1
    again = reader.read(Question())
    assert asked(again) == 1
    assert list(again.columns) == ["asked"]


def test_no_more_answers_are_kept_than_wanted() -> None:
    inner = Counting()
    reader = CachedReader(inner, FixedClock(NOW), entries=2)
    for number in (1, 2, 1, 3):  # 2 is now the one longest unused
        reader.read(Question(number))
    reader.read(Question(1))
    assert len(inner.asked) == 3
    reader.read(Question(2))
    assert len(inner.asked) == 4


def test_many_who_ask_the_same_at_once_cost_one_question() -> None:
    release = threading.Event()

    class Slow(Counting):
        @override
        def read(self, query: Query, max_age_s: float | None = None) -> pd.DataFrame:
            assert release.wait(10)
            return super().read(query, max_age_s)

    inner = Slow()
    reader = CachedReader(inner, FixedClock(NOW))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(asked(reader.read(Question())))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    release.set()
    for thread in threads:
        thread.join(10)
    assert answers == [1] * 8
    assert len(inner.asked) == 1
