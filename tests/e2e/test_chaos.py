"""Sixty seconds of chaos: everything is killed, everything comes twice, and then every book agrees with the providers'."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from ingest.clock import SystemClock
from tests.chaos.report import markdown, write
from tests.chaos.run import chaos
from tests.chaos.serving import EXACT
from tests.chaos.settings import GATEWAYS, PROCESSES, WORKERS, ChaosSettings
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SECONDS = 60.0
RATE = 12.0


def test_every_book_agrees_after_a_minute_of_chaos(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`SEED` chooses another run; the report stands in the test's folder and in the failure."""
    caplog.set_level(logging.CRITICAL, logger="aiokafka")
    settings = ChaosSettings(tmp_path, SECONDS, int(os.environ.get("SEED", "4")), RATE)
    with Stack(tmp_path, PROCESSES) as stack:
        result = asyncio.run(chaos(stack, settings, SystemClock(), print))
    path = write(result, tmp_path / "report")
    assert result.is_exact, f"{path}\n{markdown(result)}"

    # That the run was one worth its name.
    assert all(line["equal"] == "yes" for line in result.comparison)
    killed = {name.partition(":")[0] for name in result.kills}
    assert killed >= {*GATEWAYS, *WORKERS, "kafka", "warehouse"}
    assert result.groups[EXACT]["calls"] > 100
    assert result.counts["ends of calls that stand on llm.calls again"] > 0
    assert result.counts["garbage records"] > 0
    assert result.counts["calls still open"] == 0
