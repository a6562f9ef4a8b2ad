"""One run of the worker process: wait for Kafka, run the Faust app, end when told to or when it cannot go on.

What cannot be survived ends the process at once, without tidying up (`Fail`): everything that matters is stored before
it is acknowledged, and flushing what an error has left in a producer could put later records on the log without earlier
ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from faust.types import TP

from ingest.clock import Clock
from ingest.errors import Halted
from ingest.kafka.admin import cluster_id, create_topics, wait_for_broker
from ingest.kafka.publisher import KafkaPublisher
from ingest.pricing.book import PriceBook
from ingest.topics import TOPICS
from streams.agents.stage import Fail
from streams.app import Worker, create_app
from streams.loading import Load, Loading
from streams.settings import WorkerSettings
from streams.watch import Progress, Watch

_LOG = logging.getLogger(__name__)

_WATCH_EVERY_S = 5.0
_PUBLISH_TIMEOUT_S = 20.0


class WorkerProcess:
    """What a worker is made of. `fail` is told what it cannot survive, and in a process of its own does not return."""

    def __init__(
        self, settings: WorkerSettings, book: PriceBook, load: Load, clock: Clock, fail: Fail
    ) -> None:
        self._settings = settings
        self._book = book
        self._loading = Loading(load, fail)
        self._clock = clock
        self._fail = fail

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, then ends cleanly."""
        if (state := await self._prepare(stop)) is None:
            return
        settings = self._settings
        name = f"spendstream-{settings.name}-out"
        async with KafkaPublisher(settings.kafka, name, _PUBLISH_TIMEOUT_S) as publisher:
            worker = create_app(settings, state, self._book, publisher, self._clock, self._fail)
            async with self._running(worker):
                _LOG.info("ready: pricing calls and keeping budgets as %s", settings.name)
                await stop.wait()

    async def _prepare(self, stop: asyncio.Event) -> Path | None:
        """Kafka is there, with every topic, and so is the directory for local tables; None when told to stop first."""
        kafka = self._settings.kafka
        waiting = asyncio.create_task(
            wait_for_broker(
                kafka, float("inf"), on_wait=lambda: _LOG.info("waiting for Kafka at %s …", kafka)
            )
        )
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not waiting.done():
            waiting.cancel()
            await asyncio.wait([waiting])
            return None
        waiting.result()
        await create_topics(kafka, TOPICS)
        state = self._settings.state(await cluster_id(kafka))
        await asyncio.to_thread(state.mkdir, parents=True, exist_ok=True)
        return state

    @asynccontextmanager
    async def _running(self, worker: Worker) -> AsyncIterator[None]:
        for stage in worker.stages:
            stage.start()
        await worker.app.start()
        self._loading.start()
        await worker.app.tables.wait_until_recovery_completed()
        watching = asyncio.create_task(self._watch(worker))
        crashing = asyncio.create_task(self._report_crash(worker))
        yield
        watching.cancel()
        crashing.cancel()
        await self._loading.stop()
        for stage in worker.stages:
            await stage.stop()
        await worker.app.stop()

    async def _watch(self, worker: Worker) -> None:
        watch = Watch()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            standstill = watch.look(_progress(worker), self._clock.monotonic())
            if standstill is not None:
                self._fail(Halted(standstill))

    async def _report_crash(self, worker: Worker) -> None:
        await worker.app.wait_until_stopped()
        self._fail(worker.app.crash_reason or Halted("the Faust app stopped by itself"))


def _progress(worker: Worker) -> dict[str, Progress]:
    """Of each partition: what is read of what is there, and what is committed of what is read."""
    consumer, found = worker.app.consumer, {}
    for stage in worker.stages:
        for tp in [tp for tp in consumer.assignment() if tp.topic == stage.topic]:
            read, end = stage.read.due(tp.partition), consumer.highwater(tp)
            # Every answer to a fetch tells the end: none for a long time means that nothing is fetched.
            found[f"reading {tp.topic}/{tp.partition}"] = Progress(read, read + 1 if end is None else end)
            committed = consumer._committed_offset[TP(tp.topic, tp.partition)] or 0
            found[f"committing {tp.topic}/{tp.partition}"] = Progress(committed, read)
    return found
