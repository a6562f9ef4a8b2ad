"""The loop, whole: official SDKs through the gateway, until the warehouse agrees with the providers' own count."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from genai_prices import Usage

from tests.e2e.conftest import Look, decimal_sum
from tests.e2e.sdk_calls import every_kind_of_call

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TEAM = "every-sdk"
PRICE_PROVIDERS = {"gemini": "google", "bedrock": "aws"}
UNPRICED = "vllm"
"""A server of one's own: no list has its prices."""
USAGE = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "audio_input_tokens",
    "output_tokens",
    "reasoning_tokens",
)


def independent_cost(call: dict[str, Any]) -> Decimal:
    """What genai-prices says the provider's own count costs; none of our arithmetic is in it."""
    if call["provider"] == UNPRICED:
        return Decimal(0)
    usage = call["usage"]
    counts = {
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "cache_read_tokens": usage["cache_read_tokens"],
        "cache_write_tokens": usage["cache_write_tokens"],
        "cache_write_1h_tokens": usage["cache_write_1h_tokens"],
        "input_audio_tokens": usage["audio_input_tokens"],
        "input_characters": usage["characters"],
    }
    price = genai_prices.calc_price(
        Usage(
            **{name: count for name, count in counts.items() if count},
            output_reasoning_tokens=usage["reasoning_tokens"],
        ),
        call["model"],
        provider_id=PRICE_PROVIDERS.get(call["provider"], call["provider"]),
        genai_request_timestamp=datetime.fromisoformat(call["at"]),
    )
    return price.total_price.quantize(Decimal("1e-12"))


def fingerprint(provider: str, model: str, counts: dict[str, Any], cost: Decimal) -> tuple[object, ...]:
    return (provider, model, *(int(counts[name]) for name in USAGE), cost)


def test_every_call_of_every_sdk_is_in_the_warehouse_to_the_token_and_the_last_place(look: Look) -> None:
    key, key_id = look.team_with_key(TEAM)
    look.reset_served()
    calls = every_kind_of_call(look.clients(key))
    for call in calls:
        call()

    served = look.served()
    assert len(served) == len(calls)
    assert {call["outcome"] for call in served} == {"ok"}
    sql = f"SELECT * FROM calls WHERE team = '{TEAM}'"
    rows = look.until(
        "all calls in the warehouse", lambda: r if len(r := look.rows(sql)) >= len(calls) else None
    )

    expected = Counter(
        fingerprint(c["provider"], c["model"], c["usage"], independent_cost(c)) for c in served
    )
    stored = Counter(fingerprint(r["provider"], r["model"], r, Decimal(r["cost_usd"])) for r in rows)
    assert stored == expected
    assert {row["key_id"] for row in rows} == {key_id}
    assert all(row["is_priced"] == (row["provider"] != UNPRICED) for row in rows)
    assert not any(row["is_estimated"] for row in rows)
    for row in rows:
        parts = (
            Decimal(row["input_cost_usd"]) + Decimal(row["cache_cost_usd"]) + Decimal(row["output_cost_usd"])
        )
        assert parts == Decimal(row["cost_usd"])

    hourly = f"SELECT sum(calls) AS calls, sum(cost_usd) AS cost_usd FROM spend_hourly WHERE team = '{TEAM}'"
    look.until(
        "the rollup agreeing with the calls",
        lambda: (
            (found := look.rows(hourly)[0])
            and int(found["calls"]) == len(calls)
            and Decimal(found["cost_usd"]) == decimal_sum(rows, "cost_usd")
        ),
    )
