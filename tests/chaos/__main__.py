"""`python -m tests.chaos`, or `make chaos`: a long chaos run on this machine, and its report. See docs/chaos.md."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from ingest.clock import SystemClock
from ingest.environ import Environ, process_environ
from tests.chaos.report import markdown, write
from tests.chaos.run import chaos
from tests.chaos.settings import PROCESSES, ChaosSettings
from tests.fixtures.stack import Stack

_REPORTS = Path(".spendstream/chaos")


def main() -> int:
    """The exit code: 0 when everything agreed, 1 when it did not."""
    options = _options()
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # that the broker is away now and then is no news
    print(f"SEED={options.seed}, {options.seconds:g} seconds of load and kills", flush=True)
    home = Path(tempfile.mkdtemp(prefix="spendstream-chaos-"))
    settings = ChaosSettings(home, options.seconds, options.seed, options.rate)
    settings = replace(settings, settle_s=options.settle, leaves_calls_open=options.leave_open)
    try:
        with Stack(home, PROCESSES) as stack:
            result = asyncio.run(chaos(stack, settings, SystemClock(), lambda text: print(text, flush=True)))
    finally:
        if options.keep:
            print(f"state and logs: {home}", flush=True)
        else:
            shutil.rmtree(home, ignore_errors=True)
    path = write(result, options.report)
    print(markdown(result))
    print(f"the report stands in {path} and {path.with_suffix('.json').name} beside it")
    return 0 if result.is_exact else 1


def _options() -> argparse.Namespace:
    environ = Environ(process_environ())
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=environ.seconds("SPENDSTREAM_CHAOS_SECONDS", 600.0),
        help="of load and kills [SPENDSTREAM_CHAOS_SECONDS, 600]",
    )
    seed = environ.integer("SEED", random.randrange(1_000_000))
    parser.add_argument("--seed", type=int, default=seed, help="of calls, kills and mischief [SEED, any]")
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second, roughly [20]")
    parser.add_argument("--settle", type=float, default=240.0, help="seconds to come to rest in [240]")
    parser.add_argument("--leave-open", action="store_true", help="let calls of killed gateways stay open")
    parser.add_argument("--report", type=Path, default=_REPORTS, help=f"folder of the report [{_REPORTS}]")
    parser.add_argument("--keep", action="store_true", help="keep the state and the logs of all processes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
