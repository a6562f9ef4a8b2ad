"""The providers' own count of what they served: the other side of every reconciliation.

Totals cover everything since the start or the last reset; single calls are kept for the newest 10,000. A call is
recorded before the end of its answer is sent, so whoever has read an answer finds it here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Literal

import msgspec

from gateway_shim.simulation.usage import NOTHING_SERVED, ServedUsage

KEPT_CALLS = 10_000

Outcome = Literal["ok", "error", "aborted"]
Ender = Literal["", "client", "provider"]


class ServedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call that was answered, in the provider's books."""

    at: str
    """When the answer ended: UTC, ISO 8601."""
    provider: str
    model: str
    """As the provider answered; as asked for when it refused."""
    asked_model: str
    operation: str
    request_id: str
    response_id: str
    stream: bool
    outcome: Outcome
    aborted_by: Ender = ""
    """Who ended an answer early: the client hung up, or the provider dropped the connection."""
    status: int
    """The HTTP status; 499 when the client hung up before there was one."""
    usage: ServedUsage
    """What is billed: of an aborted call, the output produced by then; of an error, nothing."""
    service_tier: str = ""
    key_sha256: str = ""
    """First 16 hexadecimal digits of the SHA-256 of the key that came in."""
    elapsed_ms: int = 0
    ref: str = ""
    """The caller's own name for the call (the directive `ref`), by which both sides' books are joined."""


class ServedTotal(msgspec.Struct, kw_only=True):
    """Sums of one model of one provider."""

    provider: str
    model: str
    calls: int = 0
    ok: int = 0
    errors: int = 0
    aborted: int = 0
    usage: ServedUsage = NOTHING_SERVED


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /_served` answers. `calls` is None unless it is asked for."""

    totals: list[ServedTotal]
    calls: list[ServedCall] | None = None
    recorded: int = 0
    """Calls since the start or the last reset: ask for those `after` so many next time."""
    simulated: bool = True


class Ledger:
    """Records calls and adds them up. One event loop uses it; nothing in it waits."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str], ServedTotal] = {}
        self._calls: deque[ServedCall] = deque(maxlen=KEPT_CALLS)
        self._recorded = 0

    def record(self, call: ServedCall) -> None:
        """Enter a call that ended."""
        self._calls.append(call)
        self._recorded += 1
        total = self._totals.setdefault(
            (call.provider, call.model), ServedTotal(provider=call.provider, model=call.model)
        )
        total.calls += 1
        total.ok += call.outcome == "ok"
        total.errors += call.outcome == "error"
        total.aborted += call.outcome == "aborted"
        total.usage = added(total.usage, call.usage)

    def served(self, with_calls: bool = False, after: int = 0) -> Served:
        """Everything since the last reset, by provider and model; of the single calls, those that are still kept of the
        ones recorded after the first `after`."""
        skipped = max(0, after - (self._recorded - len(self._calls)))
        return Served(
            totals=[self._totals[key] for key in sorted(self._totals)],
            calls=list(islice(self._calls, skipped, None)) if with_calls else None,
            recorded=self._recorded,
        )

    def reset(self) -> None:
        """Forget everything."""
        self._totals.clear()
        self._calls.clear()
        self._recorded = 0


def added(*usages: ServedUsage) -> ServedUsage:
    """The sum, count by count."""
    return ServedUsage(*(sum(counts) for counts in zip(*map(msgspec.structs.astuple, usages), strict=True)))


def total_usage(calls: Iterable[ServedCall]) -> ServedUsage:
    """The sum over calls."""
    return added(NOTHING_SERVED, *(call.usage for call in calls))
