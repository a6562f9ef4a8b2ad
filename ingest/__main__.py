"""`python -m ingest`: the embedded Kafka, its topics, and imports of past calls."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import typer

from ingest.broker.drain import clients_gone
from ingest.broker.errors import BrokerError
from ingest.broker.launcher import EmbeddedBroker
from ingest.clock import SystemClock
from ingest.environ import Environ, process_environ
from ingest.errors import SpendstreamError
from ingest.imports.command import register
from ingest.kafka.admin import create_topics, wait_for_broker
from ingest.kafka.publisher import KafkaPublisher
from ingest.orphans import stop_with_parent
from ingest.topics import TOPICS

_PATIENCE_S = 3.0  # how long the broker waits for its clients to leave; honcho kills after 5
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def broker() -> None:
    """Run the embedded Kafka until stopped, with all topics made.

    With SPENDSTREAM_KAFKA set, only make the topics that are missing there, with one replica each: to have more, run
    `spendstream topics --replication N` first.
    """
    environ = Environ(process_environ())
    if environ.text("SPENDSTREAM_KAFKA"):
        asyncio.run(_use_servers(environ.kafka()))
        return
    home = environ.home()
    kafka = EmbeddedBroker(
        home / "kafka",
        environ.port("SPENDSTREAM_KAFKA_PORT", 9092),
        cache=environ.cache() / "kafka",
        report=print,
    )
    raise SystemExit(asyncio.run(_run_broker(kafka)))


def _told_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT from now on."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _use_servers(bootstrap: str) -> None:
    """Stands in for the embedded broker among the processes: a Procfile's process that ends takes the others along."""
    stopping = _told_to_stop()
    work = asyncio.create_task(_create(bootstrap, replication=1))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.is_set():
        await work
        print(f"ready: Kafka at {bootstrap} (SPENDSTREAM_KAFKA); the embedded one is not started", flush=True)
    await stop
    work.cancel()


async def _run_broker(kafka: EmbeddedBroker) -> int:
    stopping = _told_to_stop()
    starting = asyncio.create_task(asyncio.to_thread(kafka.start))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.is_set():
        await starting
        await asyncio.to_thread(kafka.stop)
        return 0
    await starting
    await create_topics(kafka.bootstrap, TOPICS)
    print(f"ready: Kafka 4.3.1 at {kafka.bootstrap}", flush=True)
    ended = asyncio.create_task(kafka.wait())
    await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.is_set():
        raise kafka.failure()
    await clients_gone(kafka.port, _PATIENCE_S)
    ended.cancel()
    await asyncio.to_thread(kafka.stop)
    return 0


@app.command()
def topics(replication: int = typer.Option(1, help="Replicas of each new topic.")) -> None:
    """Create the topics that are missing; existing ones stay as they are."""
    bootstrap = Environ(process_environ()).kafka()
    made = asyncio.run(_create(bootstrap, replication))
    print(f"created {', '.join(made)}" if made else "all topics are there")


async def _create(bootstrap: str, replication: int) -> list[str]:
    await wait_for_broker(bootstrap, on_wait=lambda: print(f"waiting for Kafka at {bootstrap} …", flush=True))
    return await create_topics(bootstrap, TOPICS, replication)


register(
    app, lambda: KafkaPublisher(Environ(process_environ()).kafka(), "import", linger_ms=5), SystemClock()
)


def main() -> None:
    """Run a command; what goes wrong on purpose is one line on standard error and exit code 1."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    # It reports every attempt; what matters of it is said once, by the command.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        app()
    except (SpendstreamError, BrokerError) as problem:
        print(f"spendstream: {problem}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    stop_with_parent(Environ(process_environ()))
    main()
