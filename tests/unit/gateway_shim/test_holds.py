"""The worst case is above every real bill, and is None where nothing bounds it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from gateway_shim.formats.answer import Asked
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.openai_chat import OPENAI_CHAT
from gateway_shim.formats.others import EMBEDDINGS
from gateway_shim.holds import Holds
from gateway_shim.prices import GatewayPrices
from ingest.attribution import Attribution
from ingest.directory import Directory
from ingest.events.prices import ExchangeRateSet, PriceEvent, PriceOverridden, PriceScope
from ingest.pricing.bill import bill
from ingest.pricing.book import GenaiPriceBook
from ingest.pricing.lists import PriceLists, shipped_list
from ingest.pricing.price import Question
from ingest.usage import TokenUsage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOOK = GenaiPriceBook()
LISTS = PriceLists(shipped_list())
BODY = json.dumps({"messages": [{"role": "user", "content": "x" * 500}]}).encode()


def prices(*events: PriceEvent) -> GatewayPrices:
    directory = Directory()
    for event in events:
        directory.apply(event)
    return GatewayPrices(directory, LISTS)


def test_input_by_length_and_output_by_limit() -> None:
    hold = Holds(prices()).worst_case(
        OPENAI_CHAT, Asked(body={"max_tokens": 100}), b"x" * 1000, Question("openai", "gpt-4o", NOW)
    )
    # $2.50 and $10.00 for a million tokens.
    assert hold == Decimal("0.0025") + Decimal("0.001")


@settings(max_examples=50)
@given(
    st.integers(0, len(BODY)),
    st.integers(0, 100),
    st.sampled_from(["cache_write", "cache_write_1h", "plain"]),
)
def test_no_bill_exceeds_its_hold(input_tokens: int, output_tokens: int, kind: str) -> None:
    asked = Asked(body={"max_tokens": 100})
    hold = Holds(prices()).worst_case(
        ANTHROPIC_MESSAGES, asked, BODY, Question("anthropic", "claude-sonnet-4-5", NOW)
    )
    written = 0 if kind == "plain" else input_tokens
    usage = TokenUsage(
        input_tokens=input_tokens,
        cache_write_tokens=written,
        cache_write_1h_tokens=written if kind == "cache_write_1h" else 0,
        output_tokens=output_tokens,
    )
    assert hold is not None
    assert bill(usage, BOOK.rates_at("anthropic", "claude-sonnet-4-5", NOW)).cost_usd <= hold


@pytest.mark.parametrize(
    ("body", "asked", "model"),
    [
        (BODY, Asked(), "gpt-4o"),
        (BODY, Asked(body={"max_tokens": 5}), "no-such-model"),
        (BODY, Asked(body={"max_tokens": 2**63 - 1, "n": 2**63 - 1}), "gpt-4o"),
        (b'{"type":"image_url"}', Asked(body={"max_tokens": 5}), "gpt-4o"),
        (b'{"previous_response_id":"r"}', Asked(body={"max_tokens": 5}), "gpt-4o"),
        (b'{"cachedContent":"c"}', Asked(body={"max_tokens": 5}), "gpt-4o"),
    ],
)
def test_what_nothing_bounds_has_no_worst_case(body: bytes, asked: Asked, model: str) -> None:
    assert Holds(prices()).worst_case(OPENAI_CHAT, asked, body, Question("openai", model, NOW)) is None


def test_embeddings_have_no_output() -> None:
    hold = Holds(prices()).worst_case(
        EMBEDDINGS, Asked(), b"x" * 1000, Question("openai", "text-embedding-3-small", NOW)
    )
    assert hold == Decimal("0.00002")


def own(price_id: str, **changes: Any) -> PriceOverridden:
    rates = {"input": Decimal(100), "output": Decimal(200)}
    price = PriceOverridden(price_id, PriceScope("openai", "gpt-4o"), NOW, NOW, rates=rates)
    return msgspec.structs.replace(price, **changes)


@pytest.mark.parametrize(
    ("event", "dollars"),
    [
        (own("dear"), "0.12"),
        (own("euro", currency="EUR"), "0.144"),
        (own("less", rates=None, discount_percent=Decimal(50)), "0.00175"),
        (own("by time", rates=None, hourly=Decimal(3)), None),
        (own("no rate", currency="GBP"), None),
        (own("new model", scope=PriceScope(model="other")), "0.0035"),
        (own("theirs", scope=PriceScope(team="ads")), "0.0035"),
        (own("ours", scope=PriceScope(team="search")), "0.12"),
    ],
)
def test_a_call_is_held_at_its_own_price(event: PriceOverridden, dollars: str | None) -> None:
    holds = Holds(prices(event, ExchangeRateSet("EUR", Decimal("1.2"), NOW, NOW)))
    question = Question("openai", "gpt-4o", NOW, who=Attribution(team="search"))
    hold = holds.worst_case(OPENAI_CHAT, Asked(body={"max_tokens": 100}), b"x" * 1000, question)
    assert hold == (None if dollars is None else Decimal(dollars))


def test_a_new_price_holds_at_once_and_one_that_begins_within_a_minute() -> None:
    directory = Directory()
    holds = Holds(GatewayPrices(directory, LISTS))

    def hold(at: datetime) -> Decimal | None:
        question = Question("openai", "gpt-4o", at)
        return holds.worst_case(OPENAI_CHAT, Asked(body={"max_tokens": 100}), b"x" * 1000, question)

    assert hold(NOW) == Decimal("0.0035")
    directory.apply(own("now"))
    directory.apply(
        own(
            "soon",
            effective_from=NOW + timedelta(seconds=90),
            rates={"input": Decimal(0), "output": Decimal(0)},
        )
    )
    assert hold(NOW) == Decimal("0.12")
    assert hold(NOW + timedelta(seconds=150)) == 0
