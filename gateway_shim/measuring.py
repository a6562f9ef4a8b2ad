"""Counts finished calls; label look-ups are remembered, since they are the dear part."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import Counter, Histogram

from gateway_shim.metrics import GatewayMetrics
from ingest.events.calls import CallFinished, Outcome


class CallMeter:
    """One for each gateway."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._children = lru_cache(maxsize=4096)(self._find_children)

    def finished(self, finished: CallFinished) -> None:
        """Count one call."""
        call = finished.call
        counter, latency = self._children(call.provider, call.operation, finished.outcome)
        counter.inc()
        if finished.outcome is Outcome.REFUSED:
            return
        latency.observe(finished.latency_ms / 1000)
        if finished.is_estimated:
            self._metrics.estimated.labels(call.provider, call.operation).inc()
        elif finished.usage is None and finished.outcome is not Outcome.ERROR:
            self._metrics.unmetered.labels(call.provider, call.operation).inc()

    def _find_children(self, provider: str, operation: str, outcome: Outcome) -> tuple[Counter, Histogram]:
        counter = self._metrics.calls.labels(provider, operation, outcome.value)
        return counter, self._metrics.latency.labels(provider)
