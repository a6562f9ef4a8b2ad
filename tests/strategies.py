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
def all_usages(draw: st.DrawFn) -> TokenUsage:
    """Consistent usages of every class, with every overlap told: what is text, audio, image or video, of that what was
    read from a cache, and of the output what was reasoning, quoted, or of another kind than text. Often 0, as in life."""
    some = st.just(0) | TOKENS
    few = st.just(0) | st.integers(0, 5000)
    text, audio, image, video = draw(some), draw(some), draw(some), draw(some)
    audio_read, image_read = draw(st.integers(0, audio)), draw(st.integers(0, image))
    text_read = draw(st.integers(0, text))
    written = draw(st.just(0) | st.integers(0, text - text_read))
    reasoning, citation, plain = draw(some), draw(few), draw(some)
    audio_out, image_out, video_out = draw(some), draw(some), draw(few)
    pages = draw(few)
    return TokenUsage(
        input_tokens=text + audio + image + video,
        cache_read_tokens=text_read + audio_read + image_read,
        cache_write_tokens=written,
        cache_write_1h_tokens=draw(st.integers(0, written)),
        audio_input_tokens=audio,
        output_tokens=reasoning + citation + plain + audio_out + image_out + video_out,
        reasoning_tokens=reasoning,
        audio_output_tokens=audio_out,
        web_searches=draw(few),
        audio_cache_read_tokens=audio_read,
        image_input_tokens=image,
        image_cache_read_tokens=image_read,
        image_output_tokens=image_out,
        video_input_tokens=video,
        video_output_tokens=video_out,
        citation_tokens=citation,
        file_searches=draw(few),
        code_executions=draw(few),
        images=draw(few),
        audio_ms=draw(some),
        characters=draw(few),
        pages=pages,
        annotated_pages=draw(st.integers(0, pages)),
        text_messages=draw(few),
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
