"""The settings of a worker, read once from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.environ import Environ
from ingest.errors import InvalidSetting


@dataclass(frozen=True)
class WorkerSettings:
    """Where a worker finds what it needs, and what it is called.

    `name` (`SPENDSTREAM_WORKER`) is the worker's identity in Kafka's consumer groups: the same after a restart, so that
    it takes its partitions up again at once, and different for each of several workers.
    """

    kafka: str
    clickhouse: str
    home: Path
    name: str
    reap_after_s: float = 3600.0
    """`SPENDSTREAM_REAP_AFTER`: seconds after which a call whose end nobody recorded is given up."""

    @classmethod
    def from_environ(cls, environ: Environ) -> WorkerSettings:
        """Raises InvalidSetting for what cannot be used."""
        name = environ.text("SPENDSTREAM_WORKER", "worker-1")
        if not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name) or len(name) > 100:
            raise InvalidSetting(
                f"SPENDSTREAM_WORKER must be letters, digits, -, _ and . (at most 100), not {name!r}"
            )
        return cls(
            kafka=environ.kafka(),
            clickhouse=environ.clickhouse(),
            home=environ.home(),
            name=name,
            reap_after_s=environ.seconds("SPENDSTREAM_REAP_AFTER", 3600.0),
        )

    def state(self, cluster: str) -> Path:
        """Where this worker keeps its local tables of one Kafka cluster. Another cluster, or one that was made anew, has
        other tables: what is on disk of the former one would be taken for its own."""
        return self.home / "faust" / cluster / self.name
