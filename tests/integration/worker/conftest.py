"""A broker for each module, and a worker on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker.launcher import EmbeddedBroker
from tests.fixtures.worker import (
    RunningWorker,
)


@pytest.fixture(scope="module")
def kafka(kafka_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own: the worker's topics have fixed names."""
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka"), 0, cache=kafka_cache) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker") / "a home {with} braces"


@pytest.fixture
def worker(kafka: str, home: Path) -> Iterator[RunningWorker]:
    """A running worker; its state is that of the module, as after a restart."""
    before = (home / "worker-1.log").read_text().count("ready:") if home.exists() else 0
    with RunningWorker(kafka, home) as running:
        yield running.ready(before + 1)
        assert "Traceback" not in running.log
