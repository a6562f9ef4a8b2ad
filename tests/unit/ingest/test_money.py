from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from ingest.errors import InvalidMoney
from ingest.money import PLACES, cost_of, show_usd, usd
from tests.strategies import AMOUNTS


@pytest.mark.parametrize("bad", [0.1, True, "twelve", "NaN", "Infinity", "1e30", ""])
def test_what_is_no_amount_is_refused_with_a_sentence(bad: object) -> None:
    with pytest.raises(InvalidMoney, match=r"."):
        usd(bad)  # type: ignore[arg-type]


def test_amounts_have_twelve_places() -> None:
    assert str(usd("1.5")) == "1.500000000000"
    assert usd("0.0000000000005") == 0  # half-even


@given(st.integers(0, 10**9), st.decimals(Decimal(0), Decimal(1000), places=6))
def test_a_price_of_six_places_is_charged_exactly(tokens: int, price: Decimal) -> None:
    assert cost_of(tokens, price) * 1_000_000 == tokens * price


@given(st.lists(AMOUNTS, max_size=50))
def test_sums_of_amounts_are_exact(amounts: list[Decimal]) -> None:
    whole = sum(int(amount / PLACES) for amount in amounts)
    assert sum(amounts, Decimal(0)) == whole * PLACES


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "$0.00"), ("1234.5", "$1,234.50"), ("0.00123", "$0.0012"), ("-2", "-$2.00"), ("0.25", "$0.25")],
)
def test_amounts_are_shown_for_people(amount: str, shown: str) -> None:
    assert show_usd(Decimal(amount)) == shown
