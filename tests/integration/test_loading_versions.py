"""A log that holds events of every version ever written: they load beside one another, and are rebuilt alike."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest.broker.launcher import EmbeddedBroker
from ingest.kafka.admin import cluster_id, create_topics
from ingest.log import Outgoing
from ingest.topics import TOPICS, TopicName
from tests.integration.test_loading_kills import Setting, count, publish, stored_up_to, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

GOLDEN = Path(__file__).parents[1] / "golden" / "events"


def golden_with(path: Path, call_id: str, cost_usd: str) -> Outgoing:
    """The golden event about another call, at another cost (all of it output)."""
    event: dict[str, Any] = json.loads(path.read_text())
    event["data"]["finished"]["call"]["call_id"] = call_id
    event["data"]["cost"] |= {
        "cost_usd": cost_usd,
        "input_cost_usd": "0",
        "cache_cost_usd": "0",
        "output_cost_usd": cost_usd,
    }
    if "version" in event["data"]:
        event["data"]["version"] = 2
    event["id"] = f"{call_id}/{path.stem}"
    return Outgoing(TopicName.COSTS, "search", json.dumps(event).encode())


def test_events_of_all_versions_load_beside_one_another(kafka_cache: Path, tmp_path: Path) -> None:
    costed, corrected = (sorted(GOLDEN.glob(f"v*/{name}.json")) for name in ("CallCosted", "CostCorrected"))
    assert len(costed) == len(corrected) >= 2
    records, expected = list[Outgoing](), dict[str, Decimal]()
    for old in costed:
        for new in corrected:
            call_id = f"costed-{old.parent.name}-corrected-{new.parent.name}"
            records += [golden_with(old, call_id, "0.1"), golden_with(new, call_id, "0.3")]
            expected[call_id] = Decimal("0.3")
        records.append(golden_with(old, f"costed-{old.parent.name}", "0.1"))
        expected[f"costed-{old.parent.name}"] = Decimal("0.1")
    with ExitStack() as ending:
        broker = ending.enter_context(EmbeddedBroker(tmp_path / "kafka", 0, cache=kafka_cache))
        asyncio.run(create_topics(broker.bootstrap, TOPICS))
        setting = Setting(broker.bootstrap, tmp_path, ending)
        log = asyncio.run(cluster_id(broker.bootstrap))
        publish(setting, records)
        until(
            "all are loaded",
            lambda: stored_up_to(setting, log, TopicName.COSTS) == len(records),
            setting.loader,
        )
        assert dict(setting.client.rows("SELECT call_id, cost_usd FROM calls")) == expected
        assert count(setting.client, "SELECT count() FROM dead_letters") == 0
        rebuilt = setting.loader.run("replay", "--into", "rebuilt", "--yes", "--verify")
        assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
        assert rebuilt.stdout.splitlines()[-1] == "equal, row for row"
