"""Hypothesis strategies for the vocabulary: usages, budgets, calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from ingest.attribution import Attribution, BudgetScope
from ingest.events.calls import BudgetRef, Call, CallFinished, Outcome
from ingest.governance.budgets import Budget
from ingest.usage import TokenUsage

TOKENS = st.integers(0, 2_000_000)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-éß", min_size=1, max_size=12)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
AMOUNTS = st.decimals(Decimal(0), Decimal(1_000_000), places=12)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
)


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    """Consistent usages: every part within its whole."""
    cache_read, cache_write, plain = draw(TOKENS), draw(TOKENS), draw(TOKENS)
    reasoning, text = draw(TOKENS), draw(TOKENS)
    return TokenUsage(
        input_tokens=cache_read + cache_write + plain,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=draw(st.integers(0, cache_write)),
        audio_input_tokens=draw(st.integers(0, plain)),
        output_tokens=reasoning + text,
        reasoning_tokens=reasoning,
        audio_output_tokens=draw(st.integers(0, text)),
    )


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    return Budget(
        name=draw(NAMES),
        scope=BudgetScope(team=draw(NAMES)),
        limit_usd=draw(AMOUNTS),
        window=draw(st.sampled_from(["day", "week", "month", "total", "PT1H", "P7D", "P2W", "PT90S"])),
        created_at=draw(INSTANTS),
        timezone=draw(ZONES),
        epoch=draw(st.integers(0, 3)),
    )


@st.composite
def finished_calls(draw: st.DrawFn) -> CallFinished:
    started = draw(INSTANTS)
    call = Call(
        call_id=draw(st.uuids().map(str)),
        started_at=started,
        who=Attribution(
            team=draw(NAMES), key_id=draw(NAMES), tags=draw(st.dictionaries(NAMES, NAMES, max_size=3))
        ),
        provider=draw(st.sampled_from(["openai", "anthropic", "mistral", "gemini"])),
        model=draw(NAMES),
        operation="chat",
        is_stream=draw(st.booleans()),
        budgets=tuple(draw(st.lists(st.builds(BudgetRef, NAMES, NAMES), max_size=3))),
        hold_usd=draw(st.none() | AMOUNTS),
    )
    latency = draw(st.integers(0, 600_000))
    return CallFinished(
        call=call,
        finished_at=started + timedelta(milliseconds=latency),
        outcome=draw(st.sampled_from(list(Outcome))),
        http_status=draw(st.integers(200, 599)),
        latency_ms=latency,
        ttft_ms=draw(st.none() | st.integers(0, latency)),
        usage=draw(st.none() | usages()),
        is_estimated=draw(st.booleans()),
    )
