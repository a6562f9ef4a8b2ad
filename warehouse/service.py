"""All of the loading as one coroutine, for whichever process hosts it: the Faust worker, or `python -m warehouse load`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ingest.clock import Clock
from ingest.errors import Unavailable
from ingest.kafka.admin import cluster_id
from ingest.kafka.publisher import KafkaPublisher
from ingest.kafka.reader import KafkaReader
from warehouse.address import parse_address
from warehouse.client import Client, create_client
from warehouse.destinations import BudgetStates, Calls, DeadLetters, Destination
from warehouse.errors import WarehouseUnavailable
from warehouse.letters import LetterPublisher
from warehouse.loader import Loader, Pace
from warehouse.migrations import migrate
from warehouse.positions import StoredPositions
from warehouse.progress import ProgressReporter

_LOG = logging.getLogger(__name__)

_RETRY_S = 0.25
_COMPACTED = (BudgetStates.topic,)


@dataclass(frozen=True)
class LoadingSettings:
    """Where to read (`kafka`, bootstrap servers), where to write (`clickhouse`, a URL), and what this process is called
    among those that load (`member`: the same after a restart, different for each of several)."""

    kafka: str
    clickhouse: str
    member: str
    pace: Pace = field(default_factory=Pace)


async def load(settings: LoadingSettings, clock: Clock) -> None:
    """Wait for the warehouse, apply the migrations, then load costed calls, budget states and dead letters.

    Runs until cancelled, and may be called again after that or after an error: it takes up where the warehouse stands.
    Raises Unavailable when Kafka or the warehouse stays away longer than patience lasts (the warehouse's first answer is
    waited for without a limit), and Halted when going on would break a promise. The broker and the topics must be there.
    """
    async with _warehouse(settings.clickhouse) as client:
        await asyncio.to_thread(migrate, client)
        log = await cluster_id(settings.kafka)
        source = f"spendstream/loader/{settings.member}"
        async with KafkaPublisher(settings.kafka, f"spendstream-{settings.member}-letters") as publisher:
            letters = LetterPublisher(publisher, source)
            destinations: list[Destination] = [Calls(client), BudgetStates(client), DeadLetters(client)]
            await run_together(
                [_load_topic(settings, clock, client, log, to, letters) for to in destinations]
            )


async def _load_topic(
    settings: LoadingSettings,
    clock: Clock,
    client: Client,
    log: str,
    destination: Destination,
    letters: LetterPublisher,
) -> None:
    topic = destination.topic
    is_compacted = topic in _COMPACTED
    positions = StoredPositions(client, log, topic, is_compacted=is_compacted)
    reader = KafkaReader(
        settings.kafka,
        topic,
        f"spendstream-load-{topic}",
        settings.member,
        positions.start,
        is_compacted=is_compacted,
    )
    async with reader:
        progress = ProgressReporter(client, f"load {topic}")
        await Loader(reader, positions, destination, letters, progress, clock, settings.pace).run()


@asynccontextmanager
async def _warehouse(url: str) -> AsyncIterator[Client]:
    """A connected client. Waits for the warehouse, in steps short enough to be cancelled."""
    client = await _connected(url)
    try:
        yield client
    finally:
        client.close()


async def _connected(url: str) -> Client:
    is_waiting = False
    while True:
        try:
            client = await asyncio.to_thread(create_client, url)
        except WarehouseUnavailable:
            if not is_waiting:
                _LOG.info("waiting for the warehouse at %s …", parse_address(url))
                is_waiting = True
            await asyncio.sleep(_RETRY_S)
        else:
            _LOG.info("loading into ClickHouse %s at %s", client.server_version, client.address)
            return client


async def run_together(endless: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all until one fails; end the others and raise what it raised. Halted or a bug goes before Unavailable."""
    tasks = [asyncio.create_task(one) for one in endless]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, Unavailable)):
        raise error
