"""The Faust app: topics as raw bytes, tables, and one agent for each step. Wiring only.

Settings that matter: no linger and frequent commits for latency and short replays; static membership with a session of
6 seconds, so that a worker that was killed is back within seconds; nothing waits for streams to run empty, since what
was not acknowledged comes again. `exactly_once` is not used: it does not hold (sink sends bypass the transaction).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from faust.transport.producer import ProducerBuffer
from faust.types import TP

from ingest.clock import Clock
from ingest.log import EventPublisher
from ingest.topics import TopicName
from streams.agents.consumer import led
from streams.agents.corrections import KEEP_DAYS, CorrectionStep
from streams.agents.governance import GovernanceStep
from streams.agents.ledger import LedgerStep
from streams.agents.pinned import DatedBooks, PinnedPrices
from streams.agents.pricing import SEEN_DAYS, PricingStep
from streams.agents.reaper import Reaper
from streams.agents.stage import Fail, Stage, Surroundings
from streams.agents.tables import STORE, create_expiring_table, create_table
from streams.settings import WorkerSettings

APP_ID = "spendstream"
"""The consumer group, and the prefix of the tables' changelog topics."""

_REQUEST_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Worker:
    """The app and the stages it runs."""

    app: Any
    stages: tuple[Stage, ...]
    pricing: PricingStep


def create_app(
    settings: WorkerSettings,
    state: Path,
    prices: DatedBooks,
    publisher: EventPublisher,
    clock: Clock,
    fail: Fail,
) -> Worker:
    """A worker that is not yet started. `state` is a directory that exists; `fail` is told of what it cannot survive."""
    app = _app(settings, state)
    around = Surroundings(app, create_table(app, "positions"), publisher, clock, fail)
    pinned = PinnedPrices(create_table(app, "price_epochs"), prices, clock)
    reaper = Reaper(create_expiring_table(app, "open", SEEN_DAYS), clock, settings.reap_after_s)
    pricing = PricingStep(create_expiring_table(app, "seen", SEEN_DAYS), pinned, clock, reaper)
    ledger = LedgerStep(create_table(app, "balances"), create_table(app, "budgets"), clock)
    corrections = CorrectionStep(create_expiring_table(app, "corrections", KEEP_DAYS), clock)
    stages = (
        Stage(around, TopicName.CALLS, pricing),
        Stage(around, TopicName.COSTS, corrections),
        Stage(around, TopicName.CHARGES, ledger),
        Stage(around, TopicName.GOVERNANCE, GovernanceStep(clock), has_gaps=True),
    )
    app.transport.Consumer = led(stages)
    for stage in stages:
        _add_agent(app, stage)
    _follow_rebalances(app, stages, fail)
    return Worker(app, stages, pricing)


def _app(settings: WorkerSettings, state: Path) -> Any:
    # The default of 100 makes a busy table wait for the producer, with a warning each time.
    ProducerBuffer.max_messages = 20_000
    return faust.App(
        APP_ID,
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.split(",")],
        broker_client_id=f"{APP_ID}-{settings.name}",
        consumer_group_instance_id=settings.name,
        # Members know each other by this address; nothing listens there.
        canonical_url=f"http://{settings.name}.invalid",
        # Faust formats the path.
        datadir=str(state).replace("{", "{{").replace("}", "}}"),
        store=STORE,
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=1,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=1024 * 1024,
        broker_max_poll_records=4000,
        broker_commit_interval=0.3,
        broker_commit_every=1_000_000,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_request_timeout=_REQUEST_TIMEOUT_S,
        producer_request_timeout=_REQUEST_TIMEOUT_S,
        producer_linger=0.0,
        producer_max_batch_size=256 * 1024,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
    )


def _add_agent(app: Any, stage: Stage) -> None:
    topic = app.topic(
        stage.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )
    app.agent(topic, name=f"read-{stage.topic}")(stage.consume)


def _follow_rebalances(app: Any, stages: tuple[Stage, ...], fail: Fail) -> None:
    """Errors are reported here: Faust swallows those of its callbacks."""

    async def pause(*_: object, **__: object) -> None:
        try:
            for stage in stages:
                await stage.pause()
        except Exception as error:
            fail(error)
            raise

    async def resume() -> None:
        try:
            for stage in stages:
                stage.resume(sorted(_ours(app.consumer.assignment(), stage)))
        except Exception as error:
            fail(error)
            raise

    app.on_partitions_revoked.connect(pause)
    app.tables["positions"].on_recover(resume)


def _ours(assignment: Iterable[TP], stage: Stage) -> list[int]:
    return [tp.partition for tp in assignment if tp.topic == stage.topic]
