from __future__ import annotations

from pathlib import Path

import pytest

from ingest.environ import Environ
from ingest.errors import InvalidSetting
from streams.settings import WorkerSettings


def test_the_defaults_are_the_embedded_servers(tmp_path: Path) -> None:
    settings = WorkerSettings.from_environ(Environ({"SPENDSTREAM_HOME": str(tmp_path)}))
    assert settings == WorkerSettings(
        kafka="127.0.0.1:9092",
        clickhouse="http://127.0.0.1:8123/spendstream",
        home=tmp_path,
        name="worker-1",
    )
    assert settings.state("cluster") == tmp_path / "faust" / "cluster" / "worker-1"


def test_servers_of_ones_own_are_taken() -> None:
    environ = Environ(
        {
            "SPENDSTREAM_KAFKA": "a:1,b:2",
            "SPENDSTREAM_CLICKHOUSE": "http://c:8123/d",
            "SPENDSTREAM_WORKER": "eu-west.2_b",
        }
    )
    settings = WorkerSettings.from_environ(environ)
    assert (settings.kafka, settings.clickhouse, settings.name) == (
        "a:1,b:2",
        "http://c:8123/d",
        "eu-west.2_b",
    )


@pytest.mark.parametrize("name", ["a/b", "a b", "ü", "x" * 101])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting, match="SPENDSTREAM_WORKER must be"):
        WorkerSettings.from_environ(Environ({"SPENDSTREAM_WORKER": name}))
