"""Events of the topic `llm.calls`: a call was started, a call was finished.

Both carry the whole of what was known, so that a reader of one event needs no other: `CallFinished` holds its `Call`.
Field names follow OpenTelemetry's GenAI semantic conventions where they name the thing (`operation` is
`gen_ai.operation.name`, `provider` is `gen_ai.provider.name` in short form, `response_id` is `gen_ai.response.id`).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from ingest.attribution import Attribution
from ingest.clock import Instant
from ingest.usage import TokenUsage


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    """The provider answered in full."""
    ERROR = "error"
    """The provider, or the way to it, failed before an answer began; nothing is billed."""
    ABORTED = "aborted"
    """The client or the provider broke off in the middle of an answer."""
    REFUSED = "refused"
    """We refused it: it never reached the provider and costs nothing."""


class Origin(StrEnum):
    """Where a call was seen."""

    GATEWAY = "gateway"
    IMPORT = "import"


class BudgetRef(msgspec.Struct, frozen=True, array_like=True):
    """A balance that a call falls under: a budget, and the window in which the call was admitted.

    The gateway writes these at admission, so that a call is charged to exactly the balances it was checked against,
    and pricing a call again charges the same ones.
    """

    budget_id: str
    window: str


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked, by whom, as admitted."""

    call_id: str
    started_at: Instant
    who: Attribution
    provider: str
    """`openai`, `anthropic`, `mistral`, `gemini`, or an importer's word."""
    model: str
    """As requested."""
    operation: str
    """`chat`, `embeddings`, `generate_content`, `text_completion` …"""
    path: str = ""
    is_stream: bool = False
    budgets: tuple[BudgetRef, ...] = ()
    hold_usd: Decimal | None = None
    """Worst-case cost at admission, USD; None where nothing bounds it."""
    origin: Origin = Origin.GATEWAY
    attempt: int = 0
    """Which try of one logical call this is, as the client's SDK says (`x-stainless-retry-count`): 0 is the first. Every
    attempt is a call of its own; logical calls are those with attempt 0."""
    request_bytes: int = 0
    """Length of the request's body: what an estimate goes by when nobody saw the answer."""


class CallStarted(msgspec.Struct, frozen=True, tag=False):
    """A call was admitted and is on its way to the provider."""

    call: Call


class CallFinished(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call has ended, one way or another: exactly one for each `call_id`."""

    call: Call
    finished_at: Instant
    outcome: Outcome
    http_status: int
    latency_ms: int
    """From the request's last byte to the answer's last, milliseconds."""
    ttft_ms: int | None = None
    """To the first byte of the answer's body, milliseconds; None where no answer began."""
    usage: TokenUsage | None = None
    """None: the provider said nothing about usage."""
    is_estimated: bool = False
    """Whether `usage` is an estimate of ours rather than the provider's count."""
    response_model: str = ""
    """The model that answered, as the provider names it."""
    response_id: str = ""
    service_tier: str = ""
    """As answered (`default`, `flex`, `priority`, `batch` …)."""
    error_type: str = ""
    """The provider's word for the error, or ours (`timeout`, `connect`, `budget_exceeded`, `gateway_lost` …)."""
    provider_cost_usd: Decimal | None = None
    """What the provider itself says the call costs (OpenRouter's `usage.cost`), USD; None where it says nothing."""

    @property
    def model(self) -> str:
        """The model as the provider answered, else as requested."""
        return self.response_model or self.call.model


class GatewayRetired(msgspec.Struct, frozen=True):
    """A gateway process has ended and everything that it had recorded stands before this event on its partition: calls
    of it that are still open were never finished, and nobody saw their end. Stands on every partition of `llm.calls`."""

    gateway: str
    """The CloudEvents source of its events."""
    retired_at: Instant
