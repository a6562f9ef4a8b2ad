"""The embedded Kafka as it is used: made, filled, restarted, killed, and left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from ingest.broker import launcher
from ingest.broker.cds import Archive
from ingest.broker.errors import BrokerError, PortInUse, RootInUse
from ingest.broker.jars import load_lock
from ingest.broker.java import find_java
from ingest.broker.launcher import EmbeddedBroker

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).resolve().parents[2]
BOUND_S = 60.0


def within_bound(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, BOUND_S))


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()
    for _, code, *_ in answer.topic_errors:
        if code:
            raise for_code(code)


async def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type="lz4")
    await producer.start()
    try:
        sent = [await producer.send(topic, value, key=value) for value in values]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def receive(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """The first `count` values through a group, and whatever comes with them."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=uuid.uuid4().hex, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        values: list[bytes] = []
        while len(values) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values.extend(record.value for record in records)
        return sorted(values)
    finally:
        await consumer.stop()


def numbered(first: int, count: int) -> list[bytes]:
    return [f"{number:06d}".encode() for number in range(first, first + count)]


def test_a_topic_is_made_filled_and_read(broker: EmbeddedBroker) -> None:
    topic = uuid.uuid4().hex
    within_bound(create(broker.bootstrap, topic))
    within_bound(send(broker.bootstrap, topic, numbered(0, 500)))
    assert within_bound(receive(broker.bootstrap, topic, 500)) == numbered(0, 500)


def test_it_listens_on_loopback_only(broker: EmbeddedBroker) -> None:
    sockets = {f"socket:[{line.split()[9]}]": line.split()[1] for line in listening()}
    own = {str(link.readlink()) for link in Path(f"/proc/{broker.pid}/fd").iterdir() if link.is_symlink()}
    addresses = {address for name, address in sockets.items() if name in own}
    ports = {int(address.rpartition(":")[2], 16) for address in addresses}
    assert broker.port in ports
    assert len(ports) == 2, "one for clients, one for the controller"
    assert all(address.rpartition(":")[0] == "0100007F" for address in addresses)


def listening() -> list[str]:
    """The lines of listening TCP sockets, of both IP versions."""
    lines = []
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        if path.exists():
            lines += [line for line in path.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    return lines


def test_what_was_stored_survives_a_restart_and_a_kill(kafka_cache: Path, tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "a folder with ü", 0, cache=kafka_cache)
    topic = uuid.uuid4().hex
    with broker:
        port, controller = broker.port, (broker.root / "controller.port").read_text()
        within_bound(create(broker.bootstrap, topic))
        within_bound(send(broker.bootstrap, topic, numbered(0, 200)))
    assert not (broker.root / "broker.pid").exists()
    with broker:
        assert (broker.port, (broker.root / "controller.port").read_text()) == (port, controller)
        assert within_bound(receive(broker.bootstrap, topic, 200)) == numbered(0, 200)
        within_bound(send(broker.bootstrap, topic, numbered(200, 200)))
        broker.kill9()
    with EmbeddedBroker(broker.root, port, cache=kafka_cache) as again:
        assert within_bound(receive(again.bootstrap, topic, 400)) == numbered(0, 400)
        within_bound(create(again.bootstrap, uuid.uuid4().hex))


def test_its_end_is_seen_by_an_event_loop_and_explained(kafka_cache: Path, tmp_path: Path) -> None:
    async def killed_meanwhile(broker: EmbeddedBroker) -> int:
        waiting = asyncio.create_task(broker.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        (pid,) = [int(word) for word in (broker.root / "broker.pid").read_text().split()]
        assert pid == broker.pid
        os.kill(pid, signal.SIGKILL)
        return await waiting

    with EmbeddedBroker(tmp_path, 0, cache=kafka_cache) as broker:
        assert within_bound(killed_meanwhile(broker)) == -signal.SIGKILL
        assert "ended by signal 9 (Killed), not by us" in str(broker.failure())


def test_one_that_cannot_start_says_why_in_one_line(kafka_cache: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "meta.properties").write_text("version=1\n")
    with pytest.raises(BrokerError) as failed:
        EmbeddedBroker(tmp_path, 0, cache=kafka_cache).start()
    message = str(failed.value)
    assert "ended with code 1" in message
    assert "Failed to find node.id" in message
    assert str(tmp_path / "broker.log") in message
    assert "\n" not in message


def test_a_port_taken_at_the_last_moment_is_told_as_such(
    kafka_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "client_port", lambda wanted: wanted)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} .* SPENDSTREAM_KAFKA_PORT=\d+"):
            EmbeddedBroker(tmp_path, port, cache=kafka_cache).start()


def test_two_do_not_share_a_folder(kafka_cache: Path, tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path, 0, cache=kafka_cache) as first:
        with pytest.raises(RootInUse):
            EmbeddedBroker(tmp_path, 0, cache=kafka_cache).start()
        within_bound(create(first.bootstrap, uuid.uuid4().hex))


PARENT = """
import sys
from pathlib import Path
from ingest.broker.launcher import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]), 0, cache=Path(sys.argv[2])).start()
print(broker.pid, broker.port, flush=True)
sys.stdin.read()
"""


def parent_of_a_broker(root: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(root), str(cache)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_killed_parent_leaves_no_java(kafka_cache: Path, tmp_path: Path) -> None:
    with parent_of_a_broker(tmp_path, kafka_cache) as parent:
        assert parent.stdout is not None
        pid, port = (int(word) for word in parent.stdout.readline().split())
        assert alive(pid)
        parent.kill()
        parent.wait()
        eventually(lambda: not alive(pid), "Java outlived its parent")
    with EmbeddedBroker(tmp_path, port, cache=kafka_cache) as again:
        within_bound(create(again.bootstrap, uuid.uuid4().hex))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_java_that_was_left_behind_all_the_same_is_ended_first(kafka_cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with parent_of_a_broker(tmp_path, kafka_cache) as parent:
        assert parent.stdout is not None
        pid, port = (int(word) for word in parent.stdout.readline().split())
        # A stopped process does not act on the signal that its parent's death sends: it stays, its port as well.
        os.kill(pid, signal.SIGSTOP)
        parent.kill()
        parent.wait()
    assert alive(pid)
    with EmbeddedBroker(tmp_path, port, cache=kafka_cache, report=said.append) as again:
        assert not alive(pid)
        within_bound(create(again.bootstrap, uuid.uuid4().hex))
    assert said == [f"ended a Kafka (process {pid}) that an earlier Spendstream had left behind"]


def test_the_archive_is_built_once_used_and_dropped_when_broken(kafka_cache: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    jars = cache / "jars"
    jars.mkdir(parents=True)
    with EmbeddedBroker(tmp_path / "one", 0, cache=kafka_cache):
        for jar in load_lock().jars:
            (jars / jar.filename).symlink_to(kafka_cache / "jars" / jar.filename)
    paths = [jars / jar.filename for jar in load_lock().jars]
    archive = Archive.fitting(cache, find_java(), paths)

    broker = EmbeddedBroker(tmp_path / "two", 0, cache=cache)
    with broker:
        assert broker.wait_archive(BOUND_S * 2)
    built, content = archive.path.stat(), archive.path.read_bytes()
    with broker:
        assert broker.wait_archive(0)
        assert uses(broker.pid, archive.path)
    assert archive.path.stat().st_mtime_ns == built.st_mtime_ns

    # Half of it: the JVM refuses. A good header before garbage: the JVM crashes.
    for broken in (content[: len(content) // 2], content[:4096].ljust(len(content), b"\xff")):
        archive.path.write_bytes(broken)
        with broker:
            assert not archive.exists, "the next start builds another"
            within_bound(create(broker.bootstrap, uuid.uuid4().hex))


def uses(pid: int, archive: Path) -> bool:
    """Whether the process has mapped the file into its memory."""
    return str(archive) in Path(f"/proc/{pid}/maps").read_text()
