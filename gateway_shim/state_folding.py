"""The two topics that the gateway folds, each into its own state."""

from __future__ import annotations

from gateway_shim.budget_state import BudgetStates
from gateway_shim.following import TopicFold
from gateway_shim.metrics import GatewayMetrics
from gateway_shim.registry import Registry
from ingest.clock import Clock
from ingest.codec import Envelope
from ingest.events.governance import GovernanceEvent
from ingest.events.states import BudgetStateChanged
from ingest.topics import TopicName


def governance_fold(registry: Registry, metrics: GatewayMetrics) -> TopicFold:
    """`governance` into the registry."""
    applied = metrics.applied.labels(TopicName.GOVERNANCE.value)
    unreadable = metrics.unreadable.labels(TopicName.GOVERNANCE.value)

    def apply(envelope: Envelope) -> None:
        event = envelope.data
        if isinstance(event, GovernanceEvent):
            registry.apply(event)
            applied.inc()
        else:
            unreadable.inc()

    return TopicFold(TopicName.GOVERNANCE, apply, unreadable.inc)


def states_fold(states: BudgetStates, metrics: GatewayMetrics, clock: Clock) -> TopicFold:
    """`budget.states` into the blocks; measures how long each took from the call that led to it."""
    applied = metrics.applied.labels(TopicName.STATES.value)
    unreadable = metrics.unreadable.labels(TopicName.STATES.value)

    def apply(envelope: Envelope) -> None:
        event = envelope.data
        if not isinstance(event, BudgetStateChanged):
            unreadable.inc()
            return
        changes_status = states.apply(event)
        applied.inc()
        if changes_status and fold.is_current and event.call_finished_at is not None:
            metrics.block_delay.observe((clock.now() - event.call_finished_at).total_seconds())

    fold = TopicFold(TopicName.STATES, apply, unreadable.inc)
    return fold
