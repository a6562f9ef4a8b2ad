"""Every metric of the gateway: the closed list. All names begin with `spendstream_gateway_`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PREFIX = "spendstream_gateway_"
_LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_LOOP_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class GatewayMetrics:
    """Counters and gauges of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Recorded calls, by how they ended. Refusals by budgets are `outcome="refused"`.
        self.calls = self._counter("calls", "Recorded calls", "provider", "operation", "outcome")
        # Requests that became no call: bad key, bad body, too large … Many of one kind: a client is set up wrongly.
        self.rejected = self._counter(
            "rejected_requests", "Requests answered by the gateway itself", "reason"
        )
        # Seconds from the request's last byte to the answer's last: the provider's time, nearly all of it.
        self.latency = self._histogram("call_seconds", "Duration of calls", _LATENCY_S, "provider")
        # Calls on their way right now. Grows without end: the provider hangs (see SPENDSTREAM_UPSTREAM_TIMEOUT).
        self.in_flight = self._gauge("calls_in_flight", "Calls on their way")
        # Answers that are read on for callers who have left, since the provider bills them whole (SPENDSTREAM_ON_ABORT).
        self.draining = self._gauge("draining_calls", "Answers read on for nobody")
        # Calls whose caller left, by how they ended. `no_room`, `timeout`: estimates where a count could have been had.
        self.abandoned = self._counter("abandoned_calls", "Calls left before their end", "provider", "ended")
        # Answers whose usage is an estimate of ours. Above a percent or so: look at the operation.
        self.estimated = self._counter("estimated_calls", "Usage is an estimate", "provider", "operation")
        # Answered calls of which nothing is known: they will stand in the warehouse without tokens.
        self.unmetered = self._counter("calls_without_usage", "Usage is unknown", "provider", "operation")
        # Records on llm.calls.
        self.published = self._counter("published_records", "Records that the log has taken")
        # Attempts that the log did not confirm; the records wait in the spool.
        self.publish_failures = self._counter("publish_failures", "Attempts that the log did not confirm")
        # Bytes in the spool that the log has not confirmed. Grows: the log is down; at the limit calls are refused.
        self.spool_bytes = self._gauge("spool_bytes", "Bytes waiting for the log")
        # Records that neither disk nor memory could hold. Not zero: calls are missing from the bill.
        self.lost = self._counter("lost_records", "Records that could not be kept")
        # Events of `governance` and `budget.states` that were applied, and records there that are no events.
        self.applied = self._counter("applied_events", "Events folded", "topic")
        self.unreadable = self._counter("unreadable_records", "Records that are no event", "topic")
        # Seconds from a call's end to the block or unblock that it led to being in force here.
        self.block_delay = self._histogram("block_delay_seconds", "From a call's end to its block", _LOOP_S)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(_PREFIX + name, text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(_PREFIX + name, text, labels, buckets=buckets, registry=self.registry)
