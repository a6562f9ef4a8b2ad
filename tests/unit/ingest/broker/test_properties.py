"""The broker's configuration: where it listens, and that Java reads back the path that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ingest.broker.errors import BrokerError
from ingest.broker.properties import check_path, server_properties


def read(text: str) -> dict[str, str]:
    """What java.util.Properties makes of a file that uses no more of its syntax than escapes in values."""
    values = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        # Python's own decoder knows the same escapes; units of a surrogate pair are joined by the second step.
        escaped = value.encode("ascii").decode("unicode_escape")
        values[name] = escaped.encode("utf-16", "surrogatepass").decode("utf-16")
    return values


def test_it_listens_on_loopback_only() -> None:
    values = read(server_properties(Path("/data"), port=19092, controller_port=19093))
    assert values["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert values["advertised.listeners"] == "PLAINTEXT://127.0.0.1:19092"
    assert values["controller.quorum.voters"] == "1@127.0.0.1:19093"


def test_topics_are_never_made_by_accident() -> None:
    assert read(server_properties(Path("/data"), 1, 2))["auto.create.topics.enable"] == "false"


def test_a_restart_after_a_kill_waits_two_seconds_at_most() -> None:
    values = read(server_properties(Path("/data"), 1, 2))
    assert int(values["broker.session.timeout.ms"]) <= 2000
    assert "controlled.shutdown.enable" not in values


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_every_path_comes_back_as_it_was(name: str) -> None:
    data = "/home/" + name
    assert read(server_properties(Path(data), 1, 2))["log.dirs"] == str(Path(data))


@pytest.mark.parametrize("path", ["/home/a,b", "/home/a:b"])
def test_a_path_that_kafka_would_split_is_refused(path: str) -> None:
    with pytest.raises(BrokerError, match="set SPENDSTREAM_HOME"):
        check_path(Path(path))
