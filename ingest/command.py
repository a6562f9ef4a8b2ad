"""The command `spendstream`: a table of who does what.

The processes are siblings that never import one another, so the command imports none of them: it hands each word on
to the package that owns it, as if `python -m PACKAGE WORD …` had been typed.
"""

from __future__ import annotations

import runpy
import sys

OWNERS = {
    "keys": ("gateway_shim", "issue, list and revoke virtual keys"),
    "teams": ("gateway_shim", "create and list teams"),
    "budgets": ("gateway_shim", "set, show, list, reset and delete budgets"),
    "prices": ("gateway_shim", "set, show, list and end prices of one's own; review and adopt price lists"),
    "apply": ("gateway_shim", "declare teams, keys, budgets and prices from a YAML file"),
    "import": ("ingest", "load past calls from a CSV or JSONL file, as often as you like"),
    "topics": ("ingest", "create the Kafka topics that are missing"),
    "reprice": ("streams", "cost past calls again at today's prices, and correct what differs"),
    "migrate": ("warehouse", "bring the warehouse's tables up to date"),
    "replay": ("warehouse", "rebuild an empty warehouse from the log and compare it with the present one"),
    "letters": ("warehouse", "list, show, put right, replay and dismiss records that nobody could use"),
    "reconcile": (
        "warehouse",
        "compare calls, rollups, budgets, the log and providers' invoices; exit 1 on a difference",
    ),
}


def main() -> None:
    """Entry point of the command; ends the process with the owner's exit code."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_usage())
        raise SystemExit(0)
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"spendstream {version('spendstream')}")
        raise SystemExit(0)
    if words[0] not in OWNERS:
        print(f"spendstream: no command {words[0]!r}\n\n{_usage()}", file=sys.stderr)
        raise SystemExit(2)
    sys.argv = ["spendstream", *words]
    runpy.run_module(OWNERS[words[0]][0], run_name="__main__", alter_sys=False)


def _usage() -> str:
    rows = "\n".join(f"  {word:<10} {what}" for word, (_, what) in OWNERS.items())
    return f"usage: spendstream COMMAND [ARGUMENTS]\n\n{rows}\n\nspendstream COMMAND --help says more."
