"""The worst case is above every real bill, and is None where nothing bounds it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from gateway_shim.formats.answer import Asked
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.openai_chat import OPENAI_CHAT
from gateway_shim.formats.others import EMBEDDINGS
from gateway_shim.holds import Holds
from ingest.pricing.bill import bill
from ingest.pricing.book import GenaiPriceBook
from ingest.usage import TokenUsage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOOK = GenaiPriceBook()
BODY = json.dumps({"messages": [{"role": "user", "content": "x" * 500}]}).encode()


def test_input_by_length_and_output_by_limit() -> None:
    hold = Holds(BOOK).worst_case(
        OPENAI_CHAT, Asked(body={"max_tokens": 100}), b"x" * 1000, "openai", "gpt-4o", NOW
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
    hold = Holds(BOOK).worst_case(ANTHROPIC_MESSAGES, asked, BODY, "anthropic", "claude-sonnet-4-5", NOW)
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
    assert Holds(BOOK).worst_case(OPENAI_CHAT, asked, body, "openai", model, NOW) is None


def test_embeddings_have_no_output() -> None:
    hold = Holds(BOOK).worst_case(EMBEDDINGS, Asked(), b"x" * 1000, "openai", "text-embedding-3-small", NOW)
    assert hold == Decimal("0.00002")
