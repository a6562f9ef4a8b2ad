"""Settings from a mapping of names to texts, read once by a process's composition root.

Every `SPENDSTREAM_*` variable that the code reads is described in the README's configuration table; a test compares.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ingest.errors import InvalidSetting

DEFAULT_HOME = ".spendstream"
WORKER_MARK = "worker.ready"
"""A file in the home that holds the worker's process id while it works; `make up` waits for it."""


def process_environ() -> Mapping[str, str]:
    """The environment of this process. Only a `__main__` calls this."""
    return os.environ


def tell_library(name: str, value: str) -> None:
    """Set a variable of this process that a library reads, where it offers no other way to be told."""
    os.environ[name] = value


class Environ:
    """Typed reading of a mapping; an unset or empty variable takes the default."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """The value as it stands, without surrounding blanks."""
        return self._values.get(name, "").strip() or default

    def names(self, prefix: str) -> list[str]:
        """What follows `prefix` in the names of variables that are set to something, in order."""
        return sorted(
            name[len(prefix) :]
            for name, value in self._values.items()
            if name.startswith(prefix) and name != prefix and value.strip()
        )

    def integer(self, name: str, default: int, least: int = 0, most: int = 2**63 - 1) -> int:
        """A whole number between `least` and `most`."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            raise InvalidSetting(f"{name} must be a whole number, not {raw!r}") from None
        if not least <= value <= most:
            raise InvalidSetting(f"{name} is {value}; it must lie between {least} and {most}")
        return value

    def port(self, name: str, default: int) -> int:
        """A TCP port, 1 to 65535."""
        return self.integer(name, default, least=1, most=65535)

    def seconds(self, name: str, default: float) -> float:
        """A duration in seconds, above 0."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise InvalidSetting(f"{name} must be a number of seconds, not {raw!r}") from None
        if not 0 < value < float("inf"):
            raise InvalidSetting(f"{name} is {raw} seconds; it must be above 0 and finite")
        return value

    def number(self, name: str, default: float) -> float:
        """A number of 0 or more: a factor, a share, a rate."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise InvalidSetting(f"{name} must be a number, not {raw!r}") from None
        if not 0 <= value < float("inf"):
            raise InvalidSetting(f"{name} is {raw}; it must be 0 or more and finite")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """1, true, yes, on, or 0, false, no, off."""
        raw = self.text(name).lower()
        if not raw:
            return default
        if raw in {"1", "true", "yes", "on"}:
            return True
        if raw in {"0", "false", "no", "off"}:
            return False
        raise InvalidSetting(f"{name} must be one of 1, true, yes, on, 0, false, no, off, not {raw!r}")

    def home(self) -> Path:
        """Where all state lives: `SPENDSTREAM_HOME`, else `.spendstream` in the working directory."""
        return Path(self.text("SPENDSTREAM_HOME", DEFAULT_HOME)).expanduser().absolute()

    def cache(self) -> Path:
        """What is fetched once and may be shared by several homes: `SPENDSTREAM_CACHE`, else `cache` in the home."""
        return Path(self.text("SPENDSTREAM_CACHE", str(self.home() / "cache"))).expanduser().absolute()

    def kafka(self) -> str:
        """Bootstrap servers: `SPENDSTREAM_KAFKA`, else the embedded broker on `SPENDSTREAM_KAFKA_PORT`."""
        return self.text("SPENDSTREAM_KAFKA") or f"127.0.0.1:{self.port('SPENDSTREAM_KAFKA_PORT', 9092)}"

    def clickhouse(self) -> str:
        """The warehouse's URL: `SPENDSTREAM_CLICKHOUSE`, else the embedded one on `SPENDSTREAM_WAREHOUSE_PORT`."""
        port = self.port("SPENDSTREAM_WAREHOUSE_PORT", 8123)
        return self.text("SPENDSTREAM_CLICKHOUSE") or f"http://127.0.0.1:{port}/spendstream"

    def gateway(self) -> str:
        """The gateway's address as its neighbours reach it: `SPENDSTREAM_GATEWAY_URL`, else loopback."""
        port = self.port("SPENDSTREAM_GATEWAY_PORT", 8080)
        return self.text("SPENDSTREAM_GATEWAY_URL") or f"http://127.0.0.1:{port}"
