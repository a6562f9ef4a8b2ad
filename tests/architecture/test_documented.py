"""Every topic and every metric is named in the README or under docs/, and no metric is named that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

from gateway_shim.metrics import GatewayMetrics
from ingest.topics import TOPICS, TopicName
from tests.architecture.source import project_files, text_of


def documentation() -> str:
    pages = [path for path in project_files() if path.parts[0] == "docs" and path.suffix == ".md"]
    return "\n".join(text_of(path) for path in (Path("README.md"), *pages))


def metrics() -> dict[str, str]:
    """Full name -> kind, of every metric of the gateway."""
    return {metric.name: metric.type for metric in GatewayMetrics().registry.collect()}


def test_every_topic_is_documented() -> None:
    text = documentation()
    assert {topic.name for topic in TOPICS} == set(TopicName)
    assert [topic for topic in TopicName if f"`{topic}`" not in text] == []


def test_every_metric_is_documented() -> None:
    text = documentation()
    known = metrics()
    assert len(known) >= 10
    missing = [
        name for name, kind in known.items() if f"`{name}{'_total' if kind == 'counter' else ''}`" not in text
    ]
    assert missing == [], "add these to docs/metrics.md"


def test_every_documented_metric_exists() -> None:
    known = {
        f"{name}{suffix}" for name in metrics() for suffix in ("", "_total", "_bucket", "_sum", "_count")
    }
    named = set(re.findall(r"\bspendstream_gateway_[a-z_]+\b", documentation()))
    assert sorted(named - known) == []
