"""`python -m warehouse`: the embedded ClickHouse."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingest.environ import Environ, process_environ
from ingest.errors import SpendstreamError
from warehouse.embedded.server import EmbeddedWarehouse

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.callback()
def _many_commands() -> None:
    """Keeps the name of the only command necessary."""


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
    """Run the embedded ClickHouse until stopped."""
    environ = Environ(process_environ())
    warehouse = EmbeddedWarehouse(
        path=path or environ.home() / "warehouse",
        port=environ.port("SPENDSTREAM_WAREHOUSE_PORT", 8123) if port is None else port,
    )
    warehouse.serve(on_ready=lambda url: print(f"ready: ClickHouse (embedded) at {url}", flush=True))


def main() -> None:
    """Run the command; an error that we know is one line and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        app()
    except SpendstreamError as error:
        print(f"warehouse: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
