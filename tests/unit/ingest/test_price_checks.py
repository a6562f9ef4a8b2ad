"""An event about prices says something usable, or is refused in one sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingest.codec import decode_event, encode_event
from ingest.errors import DecodeError
from ingest.events.prices import (
    TOKEN_CLASSES,
    ExchangeRateSet,
    PriceEnded,
    PriceEvent,
    PriceListAdopted,
    PriceOverridden,
    PriceScope,
)
from ingest.pricing.classes import CLASSES

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PRICE = PriceOverridden("p", PriceScope(), AT, AT, rates={"input": Decimal(1)})
RATE = ExchangeRateSet("EUR", Decimal("1.1"), AT, AT)


def refusal(event: PriceEvent) -> str:
    with pytest.raises(DecodeError) as refused:
        decode_event(encode_event(event, id="1", source="test", time=AT))
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price_id": ""}, "price_id has 1 to 200 characters, not 0"),
        ({"rates": None}, "exactly one of rates, discount_percent, hourly, not none"),
        ({"hourly": Decimal(1)}, "not rates and hourly"),
        ({"rates": {}}, "at least one token class"),
        ({"rates": {"inputs": Decimal(1)}}, "there is no token class 'inputs'"),
        ({"rates": {"input": Decimal(-1)}}, "rates.input is -1; it must lie between 0 and 1000000000"),
        ({"rates": {"input": Decimal("1e10")}}, "rates.input is 1E+10"),
        (
            {"rates": None, "discount_percent": Decimal("100.1")},
            "discount_percent is 100.1; it is at most 100",
        ),
        ({"rates": None, "discount_percent": Decimal(-1001)}, "at least -1000"),
        (
            {"rates": None, "discount_percent": Decimal(5), "currency": "EUR"},
            "no currency of its own, such as EUR",
        ),
        ({"rates": None, "hourly": Decimal(-1)}, "hourly is -1"),
        ({"slots": 0}, "slots is 0"),
        ({"currency": "EURO"}, "'EURO' is not three capital letters"),
        ({"currency": "eur"}, "'eur' is not three capital letters"),
        ({"effective_to": AT}, "is not after effective_from"),
    ],
)
def test_a_price_that_makes_no_sense(changes: dict[str, Any], says: str) -> None:
    assert says in refusal(msgspec.structs.replace(PRICE, **changes))


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (PriceEnded("", AT, AT), "price_id"),
        (msgspec.structs.replace(RATE, currency="E1R"), "'E1R'"),
        (msgspec.structs.replace(RATE, currency="USD"), "USD needs no exchange rate"),
        (msgspec.structs.replace(RATE, usd=Decimal(0)), "usd is 0"),
        (msgspec.structs.replace(RATE, usd=Decimal(-1)), "usd is -1"),
        (PriceListAdopted("", AT), "version"),
    ],
)
def test_other_events_that_make_no_sense(event: PriceEvent, says: str) -> None:
    assert says in refusal(event)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    value = encode_event(PRICE, id="1", source="test", time=AT).replace(b'"1"}', f'"{number}"}}'.encode())
    with pytest.raises(DecodeError):
        decode_event(value)


@pytest.mark.parametrize(
    "event",
    [
        PRICE,
        msgspec.structs.replace(PRICE, rates=None, discount_percent=Decimal(100)),
        msgspec.structs.replace(PRICE, rates=None, hourly=Decimal(0), slots=4, currency="EUR"),
        msgspec.structs.replace(PRICE, rates=dict.fromkeys(TOKEN_CLASSES, Decimal(0))),
        RATE,
        PriceEnded("p", AT, AT),
        PriceListAdopted("list/1", AT),
    ],
)
def test_what_makes_sense_is_read(event: PriceEvent) -> None:
    assert decode_event(encode_event(event, id="1", source="test", time=AT)).data == event


def test_rates_are_for_what_calls_are_billed_by() -> None:
    assert {found.name for found in CLASSES} == TOKEN_CLASSES
