"""The parts of a running gateway, made once and handed to whoever needs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway_shim.aborting import Drains
from gateway_shim.budget_state import BudgetStates
from gateway_shim.deferred import Deferred
from gateway_shim.estimate import Estimator
from gateway_shim.following import TopicFold
from gateway_shim.holds import Holds
from gateway_shim.measuring import CallMeter
from gateway_shim.metrics import GatewayMetrics
from gateway_shim.prices import GatewayPrices
from gateway_shim.progress import Progress
from gateway_shim.recorder import Recorder
from gateway_shim.registry import Registry
from gateway_shim.routing import Routes
from gateway_shim.settings import GatewaySettings
from gateway_shim.upstream import Upstream
from ingest.clock import Clock


class InFlight:
    """Counts the requests that are on their way, so that stopping can wait for them to be recorded."""

    def __init__(self) -> None:
        self.count = 0
        self._none = asyncio.Event()

    def enter(self) -> None:
        """A request has come."""
        self.count += 1
        self._none.clear()

    def leave(self) -> None:
        """It has been dealt with."""
        self.count -= 1
        if not self.count:
            self._none.set()

    async def none_left(self, timeout_s: float) -> bool:
        """Wait until nothing is on its way; False if that is not so after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.count:
                    await self._none.wait()
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class Parts:
    """What a call, a health check and an admin request work with."""

    settings: GatewaySettings
    clock: Clock
    metrics: GatewayMetrics
    meter: CallMeter
    registry: Registry
    states: BudgetStates
    governance_fold: TopicFold
    states_fold: TopicFold
    recorder: Recorder
    upstream: Upstream
    routes: Routes
    prices: GatewayPrices
    holds: Holds
    in_flight: InFlight
    drains: Drains
    deferred: Deferred
    estimator: Estimator
    progress: Progress
    is_log_connected: bool = False
    """Whether the log answered once; that it answers now is the recorder's business."""

    @property
    def is_ready(self) -> bool:
        """Whether traffic can be judged and metered."""
        return self.governance_fold.is_current and self.states_fold.is_current and self.recorder.is_accepting
