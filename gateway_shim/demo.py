"""What the demonstration needs in the gateway: teams with keys, budgets of which one will be spent soon, and a past."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway_shim.admin_client import AdminClient
from gateway_shim.secret_files import read_secret, write_secret
from gateway_shim.simulation.backfill import COLUMNS, past_calls
from gateway_shim.simulation.habits import TEAMS
from ingest.clock import Clock
from ingest.errors import InvalidInput
from ingest.imports.files import Row
from ingest.imports.run import ImportPlan, publish_calls, survey
from ingest.log import EventPublisher

KEYS_FILE = "demo-keys"
PAST_FILE = "demo-past"
KEY_NAME = "demo"
PAST_CALLS_PER_DAY = 200
"""Enough for charts with a shape, few enough that live calls do not queue behind them for long."""

BUDGETS: tuple[Mapping[str, Any], ...] = (
    # Spent within half a minute and refilled every two, while one looks on: blocked, and let through again.
    {"name": "research-burst", "scope": {"team": "research"}, "limit_usd": "0.15", "window": "PT2M"},
    {"name": "support-daily", "scope": {"team": "support"}, "limit_usd": "12.00", "window": "day"},
    {"name": "search-weekly", "scope": {"team": "search"}, "limit_usd": "2.00", "window": "week"},
    {"name": "code-monthly", "scope": {"team": "code"}, "limit_usd": "100.00", "window": "month"},
    {"name": "everything", "scope": {"org": "default"}, "limit_usd": "250.00", "window": "month"},
)


def set_up(client: AdminClient, home: Path) -> dict[str, str]:
    """Budgets as above, and a key for each team, issued once and kept under `home` for its owner alone."""
    present = {budget["name"] for budget in client.get("admin", "budgets")}
    for budget in BUDGETS:
        if budget["name"] not in present:
            client.post("admin", "budgets", body=budget)
    path = home / KEYS_FILE
    keys: dict[str, str] = json.loads(read_secret(path) or "{}")
    for team in TEAMS:
        if team.name not in keys:
            made = client.post("admin", "keys", body={"team": team.name, "name": KEY_NAME})
            keys[team.name] = made["key"]
    write_secret(path, json.dumps(keys))
    return keys


async def import_past(
    home: Path, publisher: EventPublisher, clock: Clock, say: Callable[[str], None]
) -> None:
    """Put an invented past of 60 days on the log, once for each `home`."""
    done = home / PAST_FILE
    if done.exists():
        return
    say("importing an invented past of 60 days (simulated data, labelled as such)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "past.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(past_calls(clock.now(), calls_per_day=PAST_CALLS_PER_DAY))
        plan = ImportPlan(path, source="demo")
        found = survey(plan, clock, _refuse)
        calls = await publish_calls(plan, found, publisher)
    done.write_text(f"{calls} calls\n")
    say(f"{calls:,} past calls are on the log")


def _refuse(row: Row, reason: str) -> None:
    raise InvalidInput(f"row {row.line} of the invented past cannot be imported: {reason}")
