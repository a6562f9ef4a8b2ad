"""`python -m warehouse`: the embedded ClickHouse, the tables in it, and whether they agree with the log."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ingest.clock import SystemClock
from ingest.environ import Environ, process_environ
from ingest.errors import SpendstreamError
from ingest.kafka.admin import create_topics, wait_for_broker
from ingest.orphans import stop_with_parent
from ingest.topics import TOPICS
from warehouse import migrations, positions, reconcile_command, service
from warehouse.client import Client, create_client
from warehouse.deadletters import command as letters_command
from warehouse.replay import command as replay_command

_LONGEST_STATEMENT_S = 1800.0
_LOG = logging.getLogger("warehouse.load")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def serve(
    path: Annotated[
        Path | None, typer.Option(help="Folder of the store [default: warehouse in SPENDSTREAM_HOME].")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port, 0 for a free one [default: SPENDSTREAM_WAREHOUSE_PORT, 8123]."
        ),
    ] = None,
) -> None:
    """Run the embedded ClickHouse until stopped; with SPENDSTREAM_CLICKHOUSE set there is nothing to run."""
    environ = Environ(process_environ())
    if environ.text("SPENDSTREAM_CLICKHOUSE"):
        _stand_in()
        return
    # Only here: the engine is an optional part, half a gigabyte, and no other command needs it.
    from warehouse.embedded.server import EmbeddedWarehouse

    warehouse = EmbeddedWarehouse(
        path=path or environ.home() / "warehouse",
        port=environ.port("SPENDSTREAM_WAREHOUSE_PORT", 8123) if port is None else port,
    )
    warehouse.serve(on_ready=lambda url: print(f"ready: ClickHouse (embedded) at {url}", flush=True))


def _stand_in() -> None:
    """Stay among the processes until stopped: a Procfile's process that ends takes the others along."""
    print(
        "ready: the warehouse is the server of SPENDSTREAM_CLICKHOUSE; the embedded one is not started",
        flush=True,
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    stopping.wait()


@app.command()
def migrate() -> None:
    """Create the database and bring its tables up to date. May be run again, and by several at once."""
    with _client() as client:
        applied = migrations.migrate(client)
        for migration in applied:
            print(f"applied {migration.number:03d}_{migration.name}")
        print(f"{client.address} is up to date ({len(migrations.read_migrations())} migrations)")


@app.command()
def load(
    member: Annotated[
        str, typer.Option(help="This process's name among those that load; the same after a restart.")
    ] = "loader-1",
) -> None:
    """Load from Kafka until stopped, outside of the worker (which loads by itself)."""
    environ = Environ(process_environ())
    settings = service.LoadingSettings(environ.kafka(), environ.clickhouse(), member)
    logging.getLogger("warehouse").setLevel(logging.INFO)
    asyncio.run(_load_until_stopped(settings))


@app.command()
def forget_positions() -> None:
    """Let everything be read from the log's beginning again. Doubles nothing; needed after a topic was made anew."""
    with _client() as client:
        positions.forget_positions(client)
    print("the next start of the worker reads every topic from its beginning")


reconcile_command.register(
    app,
    reconcile_command.Settings(
        kafka=lambda: Environ(process_environ()).kafka(),
        clickhouse=lambda: Environ(process_environ()).clickhouse(),
    ),
)
replay_command.register(
    app,
    replay_command.Settings(
        kafka=lambda: Environ(process_environ()).kafka(),
        clickhouse=lambda: Environ(process_environ()).clickhouse(),
        clock=SystemClock(),
    ),
)

letters_command.register(
    app,
    letters_command.Settings(
        kafka=lambda: Environ(process_environ()).kafka(),
        user=lambda: Environ(process_environ()).text("USER"),
        editor=lambda: (
            Environ(process_environ()).text("VISUAL") or Environ(process_environ()).text("EDITOR", "vi")
        ),
        clock=SystemClock(),
    ),
)


async def _load_until_stopped(settings: service.LoadingSettings) -> None:
    loading = asyncio.create_task(_load(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, loading.cancel)
    await asyncio.wait([loading])
    if not loading.cancelled():
        loading.result()


async def _load(settings: service.LoadingSettings) -> None:
    await wait_for_broker(
        settings.kafka, float("inf"), on_wait=lambda: _LOG.info("waiting for Kafka at %s …", settings.kafka)
    )
    await create_topics(settings.kafka, TOPICS)
    await service.load(settings, SystemClock())


@contextmanager
def _client() -> Iterator[Client]:
    client = create_client(Environ(process_environ()).clickhouse(), timeout_s=_LONGEST_STATEMENT_S)
    try:
        yield client
    finally:
        client.close()


def main() -> None:
    """Run a command; what goes wrong on purpose is one line on standard error and exit code 1."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        app()
    except SpendstreamError as error:
        print(f"spendstream: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    stop_with_parent(Environ(process_environ()))
    main()
