"""What the dashboard has to be told, from the environment, and the secret that it makes once and keeps."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.requests import new_secret_key
from ingest.environ import Environ
from ingest.errors import InvalidSetting


@dataclass(frozen=True)
class DashboardSettings:
    """`clickhouse` is the warehouse's URL and may hold a password; `gateway` is shown to people."""

    host: str
    port: int
    clickhouse: str = field(repr=False)
    gateway: str
    secret_key: str = field(repr=False)


def load_settings(environ: Environ) -> DashboardSettings:
    """Raises InvalidSetting when a variable, or the folder of the state, cannot be used."""
    return DashboardSettings(
        host=environ.text("SPENDSTREAM_HOST", "127.0.0.1"),
        port=environ.port("SPENDSTREAM_DASHBOARD_PORT", 8050),
        clickhouse=environ.clickhouse(),
        gateway=environ.gateway(),
        secret_key=load_secret_key(environ.home() / "dashboard" / "secret_key"),
    )


def load_secret_key(path: Path) -> str:
    """The key that signs what Dash gives out; made at the first start, readable by this user alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key := new_secret_key())
        return key
    except (OSError, ValueError) as reason:
        raise InvalidSetting(f"the dashboard cannot keep its secret in {path}: {reason}") from None
