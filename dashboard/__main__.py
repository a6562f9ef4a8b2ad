"""`python -m dashboard serve`: the only place of the dashboard that reads the environment and opens connections."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from types import FrameType

from ingest.clock import SystemClock
from ingest.environ import Environ, process_environ
from ingest.errors import SpendstreamError
from ingest.orphans import stop_with_parent

_QUERY_S = 20.0


def main(words: list[str] | None = None) -> int:
    """The exit code: 0 after a signal, 1 after an error that we know, told in one line."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    parser.add_argument("command", choices=["serve"], help="serve the dashboard until SIGTERM or Ctrl-C")
    parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # Until the server listens it has no handlers of its own, and a start must be as easy to stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        _serve(Environ(process_environ()))
    except SpendstreamError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(environ: Environ) -> None:
    # Imported here, so that a wrong word or a port in use is told at once.
    from dashboard.requests import is_loopback
    from dashboard.server import ReadinessWatch, check_port, serve
    from dashboard.settings import load_settings
    from warehouse.address import parse_address
    from warehouse.reader import CachedReader, ClickHouseReader

    settings = load_settings(environ)
    warehouse = parse_address(settings.clickhouse)
    check_port(settings.host, settings.port)
    if not is_loopback(settings.host):
        logging.getLogger("dashboard").warning(
            "listening on %s without a log-in: whoever reaches port %d sees all spend",
            settings.host,
            settings.port,
        )

    from dashboard.app import create_dashboard
    from warehouse.client import create_client

    clickhouse = ClickHouseReader(lambda: create_client(settings.clickhouse, timeout_s=_QUERY_S))
    reader = CachedReader(clickhouse, SystemClock())
    app = create_dashboard(settings, reader, SystemClock())
    watch = ReadinessWatch(reader, str(warehouse), f"http://{settings.host}:{settings.port}/")
    try:
        serve(app.server, settings.host, settings.port, on_listening=watch.start)
    finally:
        watch.stop()
        clickhouse.close()


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    stop_with_parent(Environ(process_environ()))
    sys.exit(main())
