"""Numbers as people read them; what is rounded never lies about zero and a hundred."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from dashboard import formatting

NOW = datetime(2026, 11, 24, 10, 42, 7, tzinfo=UTC)
AMOUNTS = st.decimals(Decimal("-1e20"), Decimal("1e20"), places=12)


@given(AMOUNTS)
def test_the_exact_text_is_the_amount(value: Decimal) -> None:
    assert Decimal(formatting.exact_usd(value)) == value
    assert "E" not in formatting.exact_usd(value)


@pytest.mark.parametrize(
    ("value", "shown", "short"),
    [
        ("0", "$0.00", "$0.00"),
        ("1234.565", "$1,234.56", "$1,234.56"),
        ("0.0032", "$0.0032", "$0.0032"),
        ("0.000000000001", "$0.000000000001", "$0.000000000001"),
        ("-12.5", "-$12.50", "-$12.50"),
        ("12345.67", "$12,345.67", "$12.3 k"),
        ("4200000", "$4,200,000.00", "$4.2 M"),
    ],
)
def test_money(value: str, shown: str, short: str) -> None:
    assert formatting.money(Decimal(value)) == shown
    assert formatting.short_money(Decimal(value)) == short


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (987, "987"), (1000, "1.00 k"), (12345, "12.3 k"), (4_560_000, "4.56 M"), (10**13, "10.0 T")],
)
def test_short_counts(value: int, shown: str) -> None:
    assert formatting.short_count(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (1, 3, "33.3 %"),
        (0, 3, "0.0 %"),
        (3, 3, "100.0 %"),
        (1, 100_000, "<0.1 %"),
        (99_999, 100_000, ">99.9 %"),
        (12_345, 100, "12,345.0 %"),
        (1, 0, "–"),
    ],
)
def test_percent(part: int, whole: int, shown: str) -> None:
    assert formatting.percent(part, whole) == shown


@pytest.mark.parametrize(
    ("now", "before", "shown"),
    [
        ("112", "100", "+12 %"),
        ("92", "100", "−8 %"),
        ("100", "100", "±0 %"),
        ("1400", "100", "×14"),
        ("1", "0", "new"),
        ("0", "0", "–"),
    ],
)
def test_change(now: str, before: str, shown: str) -> None:
    assert formatting.change(Decimal(now), Decimal(before)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (12, "12 s"),
        (190, "3 min"),
        (3600, "1 h"),
        (14_700, "4 h 5 min"),
        (86_400, "1 d"),
        (532_800, "6 d 4 h"),
    ],
)
def test_duration(seconds: int, shown: str) -> None:
    assert formatting.duration(timedelta(seconds=seconds)) == shown


def test_times_are_utc_and_ages_count_from_now() -> None:
    assert formatting.clock_time(NOW) == "10:42:07"
    assert formatting.day(datetime(2026, 11, 1, tzinfo=UTC)) == "1 Nov"
    assert formatting.day_and_time(datetime(2026, 12, 1, tzinfo=UTC)) == "1 Dec 00:00"
    assert formatting.age(NOW, NOW) == "just now"
    assert formatting.age(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert formatting.name("") == "(none)"
