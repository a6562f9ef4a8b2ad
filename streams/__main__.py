"""`python -m streams`: the worker that prices calls, keeps budgets and loads the warehouse."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading

import typer

from ingest.clock import SystemClock
from ingest.environ import Environ, process_environ
from ingest.errors import InvalidSetting, SpendstreamError
from ingest.orphans import stop_with_parent
from streams.quiet import LIBRARIES, OncePerWhile
from streams.reprice import command as reprice_command
from streams.settings import WorkerSettings
from streams.supervisor import NO_RESTART, Restarts, Supervisor

_LOG = logging.getLogger("streams")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
reprice_command.register(
    app,
    reprice_command.Settings(
        lambda: Environ(process_environ()).kafka(),
        lambda: Environ(process_environ()).clickhouse(),
        SystemClock(),
    ),
)


@app.command()
def worker() -> None:
    """Run the worker until stopped; its process is started again when it ends by itself."""
    _settings()
    command = [sys.executable, "-m", "streams", "process"]
    raise SystemExit(Supervisor(command, SystemClock(), Restarts()).run())


@app.command(hidden=True)
def process() -> None:
    """One run of the worker, as `worker` starts it: ends when its standard input does."""
    settings = _settings()
    import uvloop

    # Faust's consumer makes the loop of its thread by the policy; a loop factory would reach only the main one.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_run(settings))


async def _run(settings: WorkerSettings) -> None:
    from ingest.pricing.lists import PriceLists, shipped_list
    from streams.process import WorkerProcess
    from warehouse.service import LoadingSettings, load

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_until_orphaned, args=(loop, stop), daemon=True).start()
    clock = SystemClock()
    loading = LoadingSettings(settings.kafka, settings.clickhouse, settings.name)
    try:
        lists = PriceLists(shipped_list())
        await WorkerProcess(settings, lists, lambda: load(loading, clock), clock, _die).run(stop)
    except SpendstreamError as error:
        _die(error)
    # Threads may still be busy (a question to the warehouse, RocksDB): nothing is left that would be worth the wait.
    logging.shutdown()
    os._exit(0)


def _until_orphaned(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The supervisor holds the other end of standard input: when it ends, so do we."""
    while os.read(0, 1024):
        continue
    loop.call_soon_threadsafe(stop.set)


def _die(error: BaseException) -> None:
    """End this process now: see `streams.process` for why nothing is tidied up."""
    if isinstance(error, SpendstreamError):
        _LOG.error("%s", error)
    else:
        _LOG.error("the worker cannot go on", exc_info=error)
    logging.shutdown()
    os._exit(NO_RESTART if isinstance(error, InvalidSetting) else 1)


def _settings() -> WorkerSettings:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for name in (*LIBRARIES, "streams.agents.consumer"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A broker that has just begun has no coordinator yet: no fault, and no news.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)
    for handler in logging.getLogger().handlers:
        handler.addFilter(OncePerWhile(SystemClock()))
    try:
        return WorkerSettings.from_environ(Environ(process_environ()))
    except InvalidSetting as reason:
        _LOG.error("%s", reason)
        raise SystemExit(NO_RESTART) from None


if __name__ == "__main__":
    stop_with_parent(Environ(process_environ()))
    app()
