"""`python -m gateway_shim WORD …`: the gateway's composition root. It alone reads the environment and opens connections."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import FrameType

import typer
import uvloop

from gateway_shim.admin.access import TOKEN_FILE, admin_token
from gateway_shim.admin_client import AdminClient
from gateway_shim.app import LogConnection, create_app
from gateway_shim.cli import add_commands
from gateway_shim.demo import import_past, set_up
from gateway_shim.ready import Part, Waiting, banner, first_key, without_credentials, worker_is_ready
from gateway_shim.secret_files import read_secret
from gateway_shim.serving import listen, make_server
from gateway_shim.settings import GatewaySettings, read_settings
from gateway_shim.simulation import server as simulation
from gateway_shim.simulation.settings import SimulationSettings
from gateway_shim.simulation.traffic import TrafficSettings, run_traffic
from ingest.clock import SystemClock
from ingest.environ import Environ, process_environ
from ingest.errors import InvalidInput, LogUnavailable, SpendstreamError
from ingest.kafka.admin import create_topics, wait_for_broker
from ingest.kafka.follower import KafkaFollower
from ingest.kafka.publisher import KafkaPublisher
from ingest.orphans import stop_with_parent
from ingest.topics import TOPICS

_LOG = logging.getLogger("gateway_shim")
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def serve() -> None:
    """Run the gateway until it is told to stop."""
    settings = read_settings(Environ(process_environ()))
    raise SystemExit(uvloop.run(_serve(settings)))


@app.command()
def ready() -> None:
    """Wait for all parts, print addresses, a key and a line to try, and stay until told to stop."""
    _stop_quietly()
    environ = Environ(process_environ())
    settings = read_settings(environ)
    gateway = environ.gateway()
    addresses = {
        "gateway": gateway,
        "dashboard": f"http://{_reachable(settings.host)}:{environ.port('SPENDSTREAM_DASHBOARD_PORT', 8050)}",
        "warehouse": without_credentials(environ.clickhouse()),
        "kafka": settings.kafka,
        "admin docs": f"{gateway}/docs",
    }
    waiting = Waiting(SystemClock(), time.sleep, _say)
    waiting.wait(Part("the warehouse", f"{addresses['warehouse']}/ping"), patience_s=5.0)
    waiting.wait(Part("the gateway", f"{gateway}/health/ready"), patience_s=5.0)
    waiting.wait(Part("the dashboard", f"{addresses['dashboard']}/health"), patience_s=5.0)
    waiting.until(lambda: worker_is_ready(settings.home), "the worker", patience_s=5.0)
    client = AdminClient(gateway, admin_token(settings.admin_token, settings.home))
    key, is_first_time = first_key(settings.home, client)
    _say(banner(settings, addresses, key, is_first_time))
    while True:
        signal.pause()


@app.command("simulate-providers")
def simulate_providers() -> None:
    """Run simulated providers, which invent their answers and count what they served."""
    environ = Environ(process_environ())
    settings = SimulationSettings(
        speed=environ.number("SPENDSTREAM_SIMULATOR_SPEED", 1.0),
        error_rate=environ.number("SPENDSTREAM_SIMULATOR_ERROR_RATE", 0.0),
    )
    host = environ.text("SPENDSTREAM_HOST", "127.0.0.1")
    port = environ.port("SPENDSTREAM_SIMULATOR_PORT", 9180)
    _run_until_stopped(
        simulation.serve(
            settings,
            port,
            host=host,
            ready=lambda n: _say(f"ready: simulated providers at http://{host}:{n}"),
        )
    )


@app.command("demo-traffic")
def demo_traffic() -> None:
    """Send live traffic of several invented teams through the gateway, until told to stop."""
    environ = Environ(process_environ())
    settings = read_settings(environ)
    rate = environ.number("SPENDSTREAM_DEMO_RATE", 8.0)
    _run_until_stopped(_demo(settings, environ.gateway(), rate))


async def _demo(settings: GatewaySettings, gateway: str, rate: float) -> None:
    waiting = Waiting(SystemClock(), time.sleep, _say)
    await asyncio.to_thread(waiting.wait, Part("the gateway", f"{gateway}/health/ready"), 5.0)
    client = AdminClient(gateway, admin_token(settings.admin_token, settings.home))
    keys = await asyncio.to_thread(set_up, client, settings.home)
    async with KafkaPublisher(settings.kafka, "demo") as publisher:
        await import_past(settings.home, publisher, SystemClock(), _say)
    await run_traffic(TrafficSettings(keys=keys, gateway_url=gateway, rate=rate), say=_say)


def _run_until_stopped(work: Coroutine[None, None, object]) -> None:
    """Run `work`; a signal to stop cancels it and is a good end."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    uvloop.run(run())


def _reachable(host: str) -> str:
    """Where a server is found that listens on `host`: one that listens everywhere is found here."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _say(text: str) -> None:
    print(text, flush=True)


def _stop_quietly() -> None:
    """A signal to stop is a good end: exit code 0, no traceback."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _admin_client() -> AdminClient:
    """For commands: the token of the environment, else the one that the gateway keeps."""
    environ = Environ(process_environ())
    token = environ.text("SPENDSTREAM_ADMIN_TOKEN") or read_secret(environ.home() / TOKEN_FILE)
    if not token:
        raise InvalidInput(
            f"there is no admin token: set SPENDSTREAM_ADMIN_TOKEN, or SPENDSTREAM_HOME to where the gateway keeps"
            f" its own ({environ.home() / TOKEN_FILE} is not there)"
        )
    return AdminClient(environ.gateway(), token)


async def _serve(settings: GatewaySettings) -> int:
    """The exit code: 0 when told to stop, 1 when the gateway could not go on."""
    listening = listen(settings.host, settings.port, "SPENDSTREAM_GATEWAY_PORT")
    failures: list[Callable[[], None]] = []

    def give_up() -> None:
        failures.append(give_up)
        server.should_exit = True

    gateway = create_app(settings, lambda: _kafka(settings.kafka), on_failure=give_up)
    server = make_server(gateway.app)
    await server.serve(sockets=[listening])
    return 1 if failures else 0


@asynccontextmanager
async def _kafka(bootstrap: str) -> AsyncIterator[LogConnection]:
    await _wait_for_kafka(bootstrap)
    async with KafkaPublisher(bootstrap, "gateway") as publisher:
        yield LogConnection(publisher, lambda topic: KafkaFollower(bootstrap, topic, "gateway"))


async def _wait_for_kafka(bootstrap: str) -> None:
    """Until a broker answers and the topics are there; says once that it waits."""
    waits: list[str] = []

    def say() -> None:
        if not waits:
            waits.append(bootstrap)
            _LOG.info("waiting for Kafka at %s …", bootstrap)

    while True:
        try:
            await wait_for_broker(bootstrap, on_wait=say)
            await create_topics(bootstrap, TOPICS)
        except LogUnavailable as reason:
            _LOG.warning("%s; still waiting", reason)
            await asyncio.sleep(1.0)
        else:
            return


def main() -> None:
    """Run the command; an error that we know is one line and exit code 1."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    # It reports every attempt; what matters of it is said once, by the recorder and the folds.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    add_commands(app, _admin_client)
    try:
        app(prog_name="spendstream")
    except SpendstreamError as reason:
        print(f"spendstream: {reason}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    stop_with_parent(Environ(process_environ()))
    main()
