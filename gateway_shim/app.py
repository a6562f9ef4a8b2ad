"""The gateway as one ASGI app: the hot path in front, FastAPI for admin, health, metrics and docs behind it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from gateway_shim.aborting import Drains
from gateway_shim.admin.access import admin_token
from gateway_shim.admin.changes import Changes
from gateway_shim.admin.routes import admin_router
from gateway_shim.budget_state import BudgetStates
from gateway_shim.deferred import Deferred
from gateway_shim.estimate import Estimator
from gateway_shim.holds import Holds
from gateway_shim.measuring import CallMeter
from gateway_shim.metrics import GatewayMetrics
from gateway_shim.parts import InFlight, Parts
from gateway_shim.prices import GatewayPrices
from gateway_shim.progress import Progress
from gateway_shim.proxy import Proxy
from gateway_shim.recorder import Recorder
from gateway_shim.registry import Registry
from gateway_shim.routing import Routes
from gateway_shim.service_routes import add_error_answers, service_router
from gateway_shim.settings import GatewaySettings
from gateway_shim.state_folding import governance_fold, states_fold
from gateway_shim.tokenizer import Tokenizer
from gateway_shim.upstream import Upstream
from ingest.broker.fetcher import jgo_fetch
from ingest.clock import Clock, SystemClock
from ingest.ids import new_id
from ingest.log import PartitionPublisher, TopicFollower
from ingest.pricing.lists import PriceLists, shipped_list
from ingest.spool import take_over

_LOG = logging.getLogger(__name__)
# With the server's own grace (see `serving`) a stop takes less than five seconds.
_LAST_CALLS_S = 1.2
_FLUSH_S = 1.0


@dataclass(frozen=True, slots=True)
class LogConnection:
    """The log as the gateway uses it: one publisher, and a new follower for a topic as often as wanted."""

    publisher: PartitionPublisher
    follow: Callable[[str], TopicFollower]


ConnectLog = Callable[[], AbstractAsyncContextManager[LogConnection]]
"""Entering waits until the log answers, however long that takes."""


@dataclass(slots=True)
class Gateway:
    """The app and its parts, for whoever wants to look inside (tests, `__main__`)."""

    app: Proxy
    parts: Parts


def create_app(
    settings: GatewaySettings,
    connect_log: ConnectLog,
    clock: Clock | None = None,
    on_failure: Callable[[], None] = lambda: None,
) -> Gateway:
    """The whole gateway; connections are opened when its lifespan begins. Opens (and locks) its spool at once.

    `on_failure` is called if the work in the background ends with an error: without it, blocks are no longer heard of.
    """
    clock = clock or SystemClock()
    parts = _make_parts(settings, clock)
    running = _Running(parts, connect_log, on_failure)
    changes = Changes(parts, parts.recorder.source, lambda: running.publisher)
    api = FastAPI(
        title="Spendstream gateway",
        version="1",
        description="Teams, keys, budgets and prices. Calls to providers go to /openai, /anthropic, /mistral, /gemini, others by setting, or /v1.",
        docs_url=None,
        redoc_url=None,
        lifespan=running.lifespan,
    )
    api.include_router(service_router(parts, api))
    api.include_router(admin_router(parts, changes, admin_token(settings.admin_token, settings.home)))
    add_error_answers(api)
    return Gateway(Proxy(parts, api), parts)


def _make_parts(settings: GatewaySettings, clock: Clock) -> Parts:
    metrics = GatewayMetrics()
    registry, states, in_flight = Registry(), BudgetStates(), InFlight()
    metrics.in_flight.set_function(lambda: in_flight.count)
    prices = GatewayPrices(registry.directory, PriceLists(shipped_list()))
    own, left = take_over(settings.home / "spool", new_id(), settings.spool_max_bytes)
    recorder = Recorder(own, left, clock, metrics)
    return Parts(
        settings=settings,
        clock=clock,
        metrics=metrics,
        meter=CallMeter(metrics),
        registry=registry,
        states=states,
        governance_fold=governance_fold(registry, metrics),
        states_fold=states_fold(states, metrics, clock),
        recorder=recorder,
        progress=Progress(recorder),
        upstream=Upstream(settings.upstream_timeout_s, settings.upstream_connect_timeout_s),
        routes=Routes(settings.upstreams),
        prices=prices,
        holds=Holds(prices),
        in_flight=in_flight,
        drains=Drains(settings.aborts, metrics),
        deferred=Deferred(),
        estimator=_make_estimator(settings),
    )


def _make_estimator(settings: GatewaySettings) -> Estimator:
    if settings.vocabularies is None:
        return Estimator()
    tokenizer = Tokenizer(settings.vocabularies, jgo_fetch)
    tokenizer.prepare()
    return Estimator(tokenizer)


class _Running:
    """What goes on in the background while the app is up."""

    def __init__(self, parts: Parts, connect_log: ConnectLog, on_failure: Callable[[], None]) -> None:
        self._parts = parts
        self._connect_log = connect_log
        self._on_failure = on_failure
        self.publisher: PartitionPublisher | None = None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._parts.upstream:
            background = asyncio.create_task(self._with_log())
            background.add_done_callback(self._tell_if_failed)
            noting = asyncio.create_task(self._parts.progress.run())
            noting.add_done_callback(self._tell_if_failed)
            _tune_garbage_collection()
            try:
                yield
            finally:
                if not await self._parts.in_flight.none_left(_LAST_CALLS_S):
                    _LOG.warning("%d requests were still on their way", self._parts.in_flight.count)
                await self._parts.deferred.stop()
                if self._parts.is_log_connected:
                    await self._parts.recorder.flush(_FLUSH_S)
                background.cancel()
                noting.cancel()
                await asyncio.gather(background, noting, return_exceptions=True)
                self._parts.estimator.close()
                self._parts.recorder.close()

    async def _with_log(self) -> None:
        """Connect, then follow both topics and send records until cancelled."""
        parts = self._parts
        async with self._connect_log() as log, asyncio.TaskGroup() as tasks:
            self.publisher = log.publisher
            parts.is_log_connected = True
            tasks.create_task(parts.recorder.run(log.publisher))
            for fold in (parts.governance_fold, parts.states_fold):
                tasks.create_task(fold.run(partial(log.follow, fold.topic)))
            tasks.create_task(self._tell_when_ready())

    async def _tell_when_ready(self) -> None:
        parts = self._parts
        await asyncio.gather(parts.governance_fold.current(), parts.states_fold.current())
        directory = parts.registry.directory
        _LOG.info(
            "ready: %d keys, %d budgets; listening on http://%s:%d",
            len(directory.keys),
            len(directory.budgets),
            parts.settings.host,
            parts.settings.port,
        )

    def _tell_if_failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _LOG.critical("the gateway's work with the log has ended", exc_info=task.exception())
            self._on_failure()


def _tune_garbage_collection() -> None:
    """What lives as long as the process is not looked at again: p99 falls from tens of milliseconds to a few."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)
