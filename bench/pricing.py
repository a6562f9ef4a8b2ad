"""What pricing one call takes, beside genai-prices' own `calc_price` on the same calls, in one run.

Each kind of call is priced many times in a loop, ours and theirs in turns; the medians over the rounds are shown, in
microseconds of processor time, all caches warm. Ours is the whole of `streams.costing.cost_call`: finding the
price by provider, model, time and tier, checking the usage, every line of the bill, and the event. Theirs is
`calc_price` with a usage that is made already, so that the ratio favours the library. They are equal to the last place
before anything is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genai_prices import Usage, calc_price
from genai_prices.types import PriceContext

from bench.figures import table
from ingest.attribution import Attribution
from ingest.events.calls import Call, CallFinished, Outcome
from ingest.events.prices import PriceOverridden, PriceScope
from ingest.money import PLACES
from ingest.pricing.book import GenaiPriceBook
from ingest.pricing.layered import LayeredBook
from ingest.pricing.own_prices import OwnPrices
from ingest.pricing.price import PriceBook
from ingest.usage import TokenUsage
from streams.costing import cost_call

AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
GOAL_US = 5.0
"""What pricing one call should take at most."""


@dataclass(frozen=True)
class Kind:
    """One kind of call, for us and for the library."""

    name: str
    provider: str
    theirs: str
    model: str
    usage: TokenUsage
    their_usage: Usage
    tier: str = ""
    context: PriceContext | None = None


def kinds() -> list[Kind]:
    """Calls as they are common, from the plainest to the one with most lines."""
    plain = TokenUsage(input_tokens=1200, output_tokens=350)
    cached = TokenUsage(input_tokens=12_000, cache_read_tokens=9_600, output_tokens=800, reasoning_tokens=512)
    searched = TokenUsage(
        input_tokens=14_000,
        cache_read_tokens=9_000,
        cache_write_tokens=3_000,
        cache_write_1h_tokens=1_000,
        output_tokens=700,
        web_searches=2,
    )
    heard = TokenUsage(input_tokens=2_500, audio_input_tokens=900, output_tokens=600, reasoning_tokens=300)
    return [
        Kind("plain", "openai", "openai", "gpt-4o-2024-08-06", plain, _theirs(plain)),
        Kind("cached, reasoning", "openai", "openai", "gpt-5-2025-08-07", cached, _theirs(cached)),
        Kind("flex", "openai", "openai", "gpt-5", cached, _theirs(cached), "flex", {"service_tier": "flex"}),
        Kind("caches, search", "anthropic", "anthropic", "claude-sonnet-4-6", searched, _theirs(searched)),
        Kind("audio", "gemini", "google", "gemini-2.5-flash", heard, _theirs(heard)),
    ]


def _theirs(usage: TokenUsage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        input_audio_tokens=usage.audio_input_tokens,
        cache_audio_read_tokens=0,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        web_searches=usage.web_searches,
        storage_searches=0,
    )


def finished(kind: Kind) -> CallFinished:
    """A call of this kind that ended well."""
    who = Attribution(org="acme", team="search", project="web", key_id="key-1", user="ada")
    call = Call("0198f5e0-0000-7000-8000-000000000000", AT, who, kind.provider, kind.model, "chat")
    return CallFinished(
        call=call,
        finished_at=AT + timedelta(seconds=1),
        outcome=Outcome.OK,
        http_status=200,
        latency_ms=1000,
        usage=kind.usage,
        response_model=kind.model,
        service_tier=kind.tier,
    )


def measure(kind: Kind, book: PriceBook, rounds: int, calls: int) -> dict[str, float]:
    """Medians over `rounds` of `calls` calls each."""
    call = finished(kind)
    ours = cost_call(call, book).cost.cost_usd
    theirs = _library(kind)
    if ours != theirs:
        raise SystemExit(f"{kind.name}: ours is {ours}, theirs {theirs}: nothing to compare")
    times = {"ours": [0.0] * rounds, "theirs": [0.0] * rounds}
    for number in range(rounds):
        times["ours"][number] = _timed(lambda: cost_call(call, book), calls)
        times["theirs"][number] = _timed(lambda: _library(kind), max(1, calls // 10))
    median = {name: statistics.median(values) for name, values in times.items()}
    return {
        "cost_call us": median["ours"],
        "calc_price us": median["theirs"],
        "ratio": median["theirs"] / median["ours"],
    }


def _for_others() -> OwnPrices:
    """A price of one's own that no call here has, so that it is looked for in vain."""
    own = OwnPrices()
    scope = PriceScope(team="others")
    own.apply(PriceOverridden("theirs", scope, AT, AT, discount_percent=Decimal(10)), 0)
    return own


def _library(kind: Kind) -> Decimal:
    return calc_price(
        kind.their_usage,
        kind.model,
        provider_id=kind.theirs,
        genai_request_timestamp=AT,
        price_context=kind.context,
    ).total_price.quantize(PLACES)


def _timed(work: Callable[[], object], calls: int) -> float:
    """Microseconds for one."""
    begun = time.thread_time()
    for _ in range(calls):
        work()
    return (time.thread_time() - begun) / calls * 1e6


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.pricing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=5_000, help="calls in each round")
    options = parser.parse_args()
    public = GenaiPriceBook()
    books: dict[str, PriceBook] = {
        "the public list": public,
        "the public list, below prices of one's own that are for others": LayeredBook(public, _for_others()),
    }
    for name, book in books.items():
        found = [measure(kind, book, options.rounds, options.calls) for kind in kinds()]
        times = [row["cost_call us"] for row in found]
        print(f"\npricing one call by {name} (medians of {options.rounds} rounds)")
        print(table(found))
        print(f"from above: {'; '.join(kind.name for kind in kinds())}")
        print(
            f"the kind in the middle takes {statistics.median(times):.2f} us, the slowest {max(times):.2f};"
            f" the goal is {GOAL_US:.0f} us"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
