"""What a price is: asked for one call by a `Question`, found by a `PriceBook`, applied to a usage by a `Price`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from ingest.attribution import Attribution
from ingest.events.costs import CallCost
from ingest.pricing.rates import Rates
from ingest.usage import TokenUsage


class Question(NamedTuple):
    """Which call is to be priced."""

    provider: str
    """Our name of the provider."""
    model: str
    at: datetime
    """When the call started: the prices of that moment hold."""
    service_tier: str = ""
    """As the provider answered; empty where it said nothing."""
    who: Attribution | None = None
    """Whose call it is, for prices of one's own; None asks for the prices that are for everybody."""
    asked: str = ""
    """The model as it was asked for, where `model` is another name: prices of one's own are found by both."""


class Price(Protocol):
    """The price of one model at one moment, ready to be applied. The same usage always has the same cost."""

    @property
    def version(self) -> str:
        """The price version that every cost names."""
        ...

    @property
    def needs_usage(self) -> bool:
        """False where a call has a cost although nobody knows what it used: a server that is paid by time."""
        ...

    def cost(self, usage: TokenUsage, latency_ms: int = 0) -> CallCost:
        """What `usage` costs. `latency_ms` is how long the call took, for what is paid by time.

        Unpriced (`is_priced` False, cost 0) when something was used that this price has no rate for. Raises InvalidUsage
        when the counts contradict each other.
        """
        ...


class PriceBook(Protocol):
    """Dated prices. Asking is pure: the same question always has the same answer."""

    def price_at(self, question: Question) -> Price | None:
        """The price that holds for a call, or None when none is known."""
        ...

    def rates_at(self, provider: str, model: str, at: datetime, service_tier: str = "") -> Rates | None:
        """The list rates for a call that started at `at`, or None when no price is known."""
        ...

    def context_window(self, provider: str, model: str) -> int | None:
        """The most input tokens that the model takes, where that is known."""
        ...
