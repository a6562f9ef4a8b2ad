"""One run of the worker process: wait for Kafka, run the Faust app, end when told to or when it cannot go on.

What cannot be survived ends the process at once, without tidying up (`Fail`): everything that matters is stored before
it is acknowledged, and flushing what an error has left in a producer could put later records on the log without earlier
ones.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import shutil
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from faust.exceptions import ConsistencyError

from ingest.broker.locks import FileLock
from ingest.clock import Clock
from ingest.environ import WORKER_MARK
from ingest.errors import Halted, InvalidSetting, LogUnavailable
from ingest.kafka.admin import cluster_id, create_topics, wait_for_broker
from ingest.kafka.follower import KafkaFollower
from ingest.kafka.lag import GroupLag
from ingest.kafka.publisher import KafkaPublisher
from ingest.pricing.lists import PriceLists
from ingest.topics import TOPICS, TopicName
from streams.agents.stage import Fail
from streams.app import Worker, create_app
from streams.loading import Load, Loading
from streams.prices import PriceFollowing
from streams.settings import WorkerSettings
from streams.watch import Progress, Watch

_LOG = logging.getLogger(__name__)

_WATCH_EVERY_S = 5.0
_PUBLISH_TIMEOUT_S = 20.0
_PREDECESSOR_S = 8.0


class WorkerProcess:
    """What a worker is made of. `fail` is told what it cannot survive, and in a process of its own does not return."""

    def __init__(
        self, settings: WorkerSettings, lists: PriceLists, load: Load, clock: Clock, fail: Fail
    ) -> None:
        self._settings = settings
        self._prices = PriceFollowing(lists, clock)
        self._loading = Loading(load, fail, clock)
        self._clock = clock
        self._fail = fail

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, then ends cleanly."""
        if (state := await self._prepare(stop)) is None:
            return
        settings = self._settings
        name = f"spendstream-{settings.name}-out"
        async with KafkaPublisher(settings.kafka, name, _PUBLISH_TIMEOUT_S) as publisher, self._following():
            if not await _unless_stopped(self._prices.ready(publisher), stop):
                return
            history = self._prices.history
            worker = create_app(settings, state, history, publisher, self._clock, self._fail)
            async with self._running(worker, state):
                _LOG.info("ready: pricing calls and keeping budgets as %s", settings.name)
                mark = settings.home / WORKER_MARK
                await asyncio.to_thread(mark.write_text, f"{os.getpid()}\n")
                await stop.wait()
                await asyncio.to_thread(mark.unlink, missing_ok=True)

    async def _prepare(self, stop: asyncio.Event) -> Path | None:
        """Kafka is there, with every topic, and so is the directory for local tables; None when told to stop first."""
        kafka = self._settings.kafka
        waiting = wait_for_broker(
            kafka, float("inf"), on_wait=lambda: _LOG.info("waiting for Kafka at %s …", kafka)
        )
        if not await _unless_stopped(waiting, stop):
            return None
        await create_topics(kafka, TOPICS)
        state = self._settings.state(await cluster_id(kafka))
        await asyncio.to_thread(state.mkdir, parents=True, exist_ok=True)
        await self._take(FileLock(state.with_name(f"{state.name}.lock")))
        return state

    async def _take(self, lock: FileLock) -> None:
        """One worker of a name at a time. The one before may still be ending; it has a few seconds."""
        self._lock = lock
        deadline = self._clock.monotonic() + _PREDECESSOR_S
        while not lock.try_acquire():
            if self._clock.monotonic() > deadline:
                raise InvalidSetting(
                    f"a worker named {self._settings.name} is running on {self._settings.home} already;"
                    " give each worker its own SPENDSTREAM_WORKER"
                )
            await asyncio.sleep(0.1)

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        """Prices are kept current."""
        kafka, name = self._settings.kafka, f"spendstream-{self._settings.name}-prices"
        task = asyncio.create_task(
            self._prices.run(lambda: KafkaFollower(kafka, TopicName.GOVERNANCE, name)), name="prices"
        )
        task.add_done_callback(self._task_ended)
        yield
        task.cancel()
        await asyncio.wait([task])

    @asynccontextmanager
    async def _running(self, worker: Worker, state: Path) -> AsyncIterator[None]:
        crashing = asyncio.create_task(self._report_crash(worker, state))
        for stage in worker.stages:
            stage.start()
        _spare_the_collector()
        await worker.app.start()
        self._loading.start()
        await worker.app.tables.wait_until_recovery_completed()
        watching = asyncio.create_task(self._watch(worker))
        watching.add_done_callback(self._task_ended)
        yield
        for task in (watching, crashing):
            task.cancel()
        await asyncio.wait({watching, crashing})
        await self._loading.stop()
        for stage in worker.stages:
            await stage.stop()
        await worker.app.stop()

    async def _watch(self, worker: Worker) -> None:
        """Asks the broker itself how far the group has come: a consumer that no longer fetches sees no work."""
        group, topics = worker.app.conf.id, {stage.topic for stage in worker.stages}
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            try:
                async with GroupLag(self._settings.kafka, group, topics) as lag:
                    await self._look_on(lag, worker)
            except LogUnavailable as reason:
                # Nobody gets anything done while Kafka is away.
                _LOG.debug("nobody is watched for now: %s", reason)

    async def _look_on(self, lag: GroupLag, worker: Worker) -> None:
        watch = Watch()
        while True:
            found = {tp: Progress(*progress) for tp, progress in (await lag.ask()).items()}
            # What was stored before a crash, and is known here from the tables, may not have been committed.
            for tp, stored in worker.app.consumer._committed_offset.items():
                if tp in found and stored:
                    found[tp] = Progress(max(found[tp].done, stored), found[tp].wanted)
            named = {f"{tp.topic}/{tp.partition}": progress for tp, progress in found.items()}
            standstill = watch.look(named, self._clock.monotonic())
            if standstill is not None:
                self._fail(Halted(standstill))
            await asyncio.sleep(_WATCH_EVERY_S)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Without its watchdog a worker may stand still unseen, and without its follower it would miss new prices."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _report_crash(self, worker: Worker, state: Path) -> None:
        await worker.app.wait_until_stopped()
        reason = worker.app.crash_reason or Halted("the Faust app stopped by itself")
        if isinstance(reason, ConsistencyError):
            shutil.rmtree(state)
            reason = Halted(
                "the tables on disk are ahead of Kafka, whose data was removed or replaced: they were cleared"
                " and will be read from the log again"
            )
        self._fail(reason)


async def _unless_stopped(work: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Whether `work` was done; False when told to stop first, and then it was given up."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
        return False
    working.result()
    return True


def _spare_the_collector() -> None:
    """Code and price lists stay as long as the process: nothing to look through again and again. (Faust collects all
    garbage for each table at each rebalance.) Records by the thousand live for a moment and are in no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
