"""Cells to values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from ingest.errors import InvalidInput
from ingest.imports import values

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2023-11-16 18:17:03.9799600", datetime(2023, 11, 16, 18, 17, 3, 979960, UTC)),
        ("2023-11-16T18:17:03.9799609Z", datetime(2023, 11, 16, 18, 17, 3, 979960, UTC)),
        ("2023-11-16T18:17:03,5+01:00", datetime(2023, 11, 16, 17, 17, 3, 500000, UTC)),
        ("2023-11-16 18:17:03 UTC", datetime(2023, 11, 16, 18, 17, 3, 0, UTC)),
        ("2023-11-16T18:17+0530", datetime(2023, 11, 16, 12, 47, tzinfo=UTC)),
        ("2023-11-16", datetime(2023, 11, 16, tzinfo=UTC)),
        ("1700158623", datetime(2023, 11, 16, 18, 17, 3, 0, UTC)),
        (1700158623, datetime(2023, 11, 16, 18, 17, 3, 0, UTC)),
        (Decimal("1700158623.97996"), datetime(2023, 11, 16, 18, 17, 3, 979960, UTC)),
        ("1700158623979", datetime(2023, 11, 16, 18, 17, 3, 979000, UTC)),
        ("1700158623979960", datetime(2023, 11, 16, 18, 17, 3, 979960, UTC)),
        ("1700158623979960123", datetime(2023, 11, 16, 18, 17, 3, 979960, UTC)),
    ],
)
def test_instants(written: object, meant: datetime) -> None:
    assert values.instant(written, UTC) == meant


def test_an_instant_without_an_offset_is_local() -> None:
    assert values.instant("2026-07-01 12:00:00", BERLIN) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert values.instant("2026-07-01 12:00:00Z", BERLIN) == datetime(2026, 7, 1, 12, tzinfo=UTC)
    # 02:30 happens twice on this day; the first is meant.
    assert values.instant("2026-10-25 02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "there is no time"),
        (None, "there is no time"),
        ("yesterday", "'yesterday' is no time in ISO 8601"),
        ("16/11/2023", "is no time in ISO 8601"),
        ("20231116", "is no time in ISO 8601"),
        ("2023-02-30", "is no day and time of the calendar"),
        ("2023-02-03 25:00:00", "is no day and time of the calendar"),
        ("1999-12-31", "is 1999-12-31; a call happened from 2000 to 2099"),
        ("100000000", "is 1973-03-03"),
        ([], "is no text"),
    ],
)
def test_what_is_no_instant(written: object, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        values.instant(written, UTC)


@given(st.datetimes(datetime(2001, 9, 9, 1, 46, 40), datetime(2099, 12, 30)))
def test_every_spelling_of_an_instant_is_the_same_instant(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert values.instant(at.isoformat(), UTC) == at
    assert values.instant(at.astimezone(BERLIN).isoformat(sep=" "), UTC) == at
    assert values.instant(str(micros), UTC) == at
    assert values.instant(f"{micros // 10**6}.{micros % 10**6:06}", UTC) == at
    assert values.instant(micros // 1000, UTC) == at.replace(microsecond=at.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    ("cell", "number"),
    [("4808", 4808), (" 7.0 ", 7), (0, 0), ("", None), (None, None), (Decimal("12.00"), 12)],
)
def test_counts(cell: object, number: int | None) -> None:
    assert values.count(cell) == number


@pytest.mark.parametrize(
    "cell", ["-1", "1.5", "many", "NaN", "Infinity", "sNaN", "1,234", "9" * 14, True, "1e400"]
)
def test_what_is_no_count(cell: object) -> None:
    with pytest.raises(InvalidInput, match="is no whole number from 0 to 1000000000000"):
        values.count(cell)


@pytest.mark.parametrize(
    ("cell", "number"), [("12.6", 13), (Decimal("0.4"), 0), ("", None), ("250", 250), (250, 250)]
)
def test_milliseconds(cell: object, number: int | None) -> None:
    assert values.milliseconds(cell) == number


@pytest.mark.parametrize("cell", ["-1", "soon", "NaN", "Infinity"])
def test_what_is_no_duration(cell: object) -> None:
    with pytest.raises(InvalidInput, match="is no number of milliseconds"):
        values.milliseconds(cell)


@pytest.mark.parametrize(
    ("cell", "meant"), [("true", True), (True, True), ("0", False), ("", False), (None, False), ("No", False)]
)
def test_flags(cell: object, meant: bool) -> None:
    assert values.flag(cell) is meant


def test_what_is_no_flag() -> None:
    with pytest.raises(InvalidInput, match="'perhaps' is neither true nor false"):
        values.flag("perhaps")


@pytest.mark.parametrize("cell", ['{"env": "prod", "n": 3}', {"n": 3, "env": "prod"}])
def test_tags(cell: object) -> None:
    assert values.tags(cell) == {"env": "prod", "n": "3"}
    assert list(values.tags(cell)) == ["env", "n"]


@pytest.mark.parametrize("cell", ["env=prod", "[1]", ["a"], "{"])
def test_what_is_no_tags(cell: object) -> None:
    with pytest.raises(InvalidInput, match="is no JSON object such as"):
        values.tags(cell)


def test_a_long_cell_is_cut_in_the_sentence() -> None:
    with pytest.raises(InvalidInput) as caught:
        values.count("x" * 10_000)
    assert len(str(caught.value)) < 150
