"""The log is away, the disk is full, the process dies: what was answered is recorded, or the gateway says that it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway_shim.admin_client import AdminClient
from ingest.broker.launcher import EmbeddedBroker
from ingest.codec import Envelope, decode_event
from ingest.errors import DecodeError, Unavailable
from ingest.events.calls import CallFinished, CallStarted, GatewayRetired
from ingest.memory import MemoryLog
from ingest.topics import TopicName
from tests.fixtures.gateway import (
    ADMIN_TOKEN,
    DEADLINE_S,
    RunningGateway,
    gateway_settings,
    running_gateway,
)
from tests.fixtures.gateway_calls import BODY, CHAT, ask
from tests.fixtures.kafka import shared_cache
from tests.fixtures.processes import PROJECT_ROOT
from tests.fixtures.providers import SimulatedProviders, simulate

pytestmark = pytest.mark.integration


def ready(gateway: RunningGateway) -> tuple[int, dict[str, Any]]:
    """Status and content of `/health/ready`."""
    try:
        with urllib.request.urlopen(f"{gateway.url}/health/ready", timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, json.loads(answer.read())


def test_calls_go_on_without_the_log_and_are_recorded_later(gateway: RunningGateway) -> None:
    gateway.log.fail = True
    for _ in range(5):
        assert ask(gateway)[0] == 200
    gateway.wait_until(lambda: gateway.gateway.parts.recorder.is_troubled, "the gateway has noticed")
    assert gateway.calls() == []
    status, health = ready(gateway)
    assert status == 200
    recorder = health["parts"]["recorder"]
    assert not recorder["log_takes_records"]
    assert recorder["spool_bytes"] > 0
    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=20) as answer:
        metrics = answer.read().decode()
    assert f"spendstream_gateway_spool_bytes {float(recorder['spool_bytes'])}" in metrics
    gateway.log.fail = False
    gateway.finished(5)
    kinds = [type(event).__name__ for event in gateway.calls()]
    assert kinds == ["CallStarted", "CallFinished"] * 5, "in the order in which they happened"
    gateway.wait_until(lambda: gateway.gateway.parts.recorder.is_idle, "the spool is empty")
    assert ready(gateway)[1]["parts"]["recorder"]["log_takes_records"]


def test_what_one_process_leaves_the_next_one_sends(
    tmp_path: Path, simulated_providers: SimulatedProviders
) -> None:
    settings = gateway_settings(tmp_path, simulated_providers.base_url)
    log = MemoryLog()
    with running_gateway(settings, log) as first:
        log.fail = True
        for _ in range(3):
            assert ask(first)[0] == 200
    assert list((tmp_path / "spool").glob("*/*.seg"))
    same = MemoryLog()  # a log in memory belongs to one event loop
    same.topics = log.topics
    with running_gateway(settings, same) as second:
        second.finished(3)
        second.wait_until(lambda: len(list((tmp_path / "spool").iterdir())) == 1, "the old spool is gone")


def test_a_full_disk_is_bridged_by_memory_and_then_refused_and_said(
    tmp_path: Path, simulated_providers: SimulatedProviders
) -> None:
    settings = gateway_settings(tmp_path, simulated_providers.base_url, spool_max_bytes=3000)
    with running_gateway(settings) as gateway:
        recorder = gateway.gateway.parts.recorder
        recorder._memory_records = 8
        gateway.log.fail = True
        answered = 0
        while (got := ask(gateway))[0] == 200:
            answered += 1
            assert answered < 20
        assert got[0] == 503
        assert "cannot record calls" in json.loads(got[2])["error"]["message"]
        status, health = ready(gateway)
        assert (status, health["parts"]["recorder"]["ready"]) == (503, False)
        assert health["parts"]["recorder"]["records_in_memory"] >= 4
        gateway.log.fail = False
        assert len(gateway.finished(answered)) == answered
        gateway.wait_until(lambda: ready(gateway)[0] == 200, "it accepts calls again")
        assert ask(gateway)[0] == 200


@contextmanager
def gateway_process(home: Path, kafka: str, providers: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`python -m gateway_shim serve` on a free port; its address once it is ready."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPENDSTREAM_")} | {
        "SPENDSTREAM_HOME": str(home),
        "SPENDSTREAM_CACHE": str(shared_cache()),
        "SPENDSTREAM_KAFKA": kafka,
        "SPENDSTREAM_GATEWAY_PORT": str(port),
        "SPENDSTREAM_ADMIN_TOKEN": ADMIN_TOKEN,
        "SPENDSTREAM_UPSTREAM_OPENAI": f"{providers}/openai",
        "OPENAI_API_KEY": "k",
    }
    command = [sys.executable, "-m", "gateway_shim", "serve"]
    with (home / "gateway.log").open("ab") as output:
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not _is_ready(url):
            assert process.poll() is None, (home / "gateway.log").read_text()
            assert time.monotonic() < deadline, (home / "gateway.log").read_text()
            time.sleep(0.02)
        yield url, process
    finally:
        process.kill()
        process.wait(DEADLINE_S)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5):
            return True
    except OSError:
        return False


class Callers:
    """Threads that call until the gateway is gone; the ids of the calls that were answered in full."""

    def __init__(self, url: str, key: str, count: int) -> None:
        self.answered: list[str] = []
        self._headers: Mapping[str, str] = {"authorization": f"Bearer {key}"}
        self._url = url
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _call(self) -> None:
        request = urllib.request.Request(f"{self._url}{CHAT}", BODY, dict(self._headers))
        while True:
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    json.loads(answer.read())
                    self.answered.append(answer.headers["x-spendstream-call-id"])
            except (OSError, ValueError, HTTPException):
                return

    def join(self) -> None:
        """Until all have noticed."""
        for thread in self._threads:
            thread.join(DEADLINE_S)


async def events_on(bootstrap: str) -> dict[int, list[Envelope]]:
    """All events of calls on the real log, by partition, repeats included."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(TopicName.CALLS.value, number) for number in range(4)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[int, list[Envelope]] = {partition.partition: [] for partition in partitions}
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, messages in (await consumer.getmany(timeout_ms=200)).items():
                found[partition.partition] += filter(None, (_decoded(m.value) for m in messages))
        return found
    finally:
        await consumer.stop()


def _decoded(value: bytes) -> Envelope | None:
    try:
        return decode_event(value)
    except DecodeError:
        return None


@pytest.mark.anyio
async def test_no_answered_call_is_lost_when_the_process_is_killed(
    tmp_path: Path, broker: EmbeddedBroker, simulated_providers: SimulatedProviders, anyio_backend: str
) -> None:
    answered: list[str] = []
    key = ""
    for kills in range(3):
        with gateway_process(tmp_path, broker.bootstrap, simulated_providers.base_url) as (url, process):
            if not key:
                key = AdminClient(url, ADMIN_TOKEN).post("admin", "keys", body={"team": "killed"})["key"]
            callers = Callers(url, key, 4)
            deadline = time.monotonic() + DEADLINE_S
            while len(callers.answered) < 60 * (kills + 1) and time.monotonic() < deadline:
                time.sleep(0.001)  # noqa: ASYNC251 - nothing else runs in this loop
            process.send_signal(signal.SIGKILL)
            callers.join()
            answered += callers.answered
    assert len(answered) >= 3 * 60
    with gateway_process(tmp_path, broker.bootstrap, simulated_providers.base_url) as (_, process):
        _until_spools_are_sent(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    log = await events_on(broker.bootstrap)
    events = [envelope for partition in log.values() for envelope in partition]
    finished = {envelope.data.call.call_id for envelope in events if isinstance(envelope.data, CallFinished)}
    assert set(answered) <= finished
    assert "Traceback" not in (tmp_path / "gateway.log").read_text()
    killed = {
        envelope.source
        for envelope in events
        if isinstance(envelope.data, CallStarted) and envelope.data.call.who.team == "killed"
    }
    assert len(killed) == 3
    for partition in log.values():
        for source in killed:
            _assert_retired_after_all_it_said(partition, source)


def test_a_stream_of_a_killed_process_is_charged_for_what_was_seen_of_it(
    tmp_path: Path, broker: EmbeddedBroker, simulated_providers: SimulatedProviders
) -> None:
    slow = simulate(chunks=5000, chunk_delay_s=0.005, output_tokens=20_000)
    body = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Tell me all."}]}'
    with gateway_process(tmp_path, broker.bootstrap, simulated_providers.base_url) as (url, process):
        key = AdminClient(url, ADMIN_TOKEN).post("admin", "keys", body={"team": "streams"})["key"]
        headers = {"authorization": f"Bearer {key}", **slow}
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}{CHAT}", body, headers), timeout=20
        ) as said:
            call_id = said.headers["x-spendstream-call-id"]
            noted: list[Path] = []
            deadline = time.monotonic() + DEADLINE_S
            while not noted:
                assert time.monotonic() < deadline, "nothing is noted"
                said.read(1000)
                noted = list((tmp_path / "spool").glob("*/progress"))
            process.send_signal(signal.SIGKILL)
            process.wait(DEADLINE_S)
    with gateway_process(tmp_path, broker.bootstrap, simulated_providers.base_url):
        _until_spools_are_sent(tmp_path)
    log = asyncio.run(events_on(broker.bootstrap))
    (finished,) = [
        envelope.data
        for partition in log.values()
        for envelope in partition
        if isinstance(envelope.data, CallFinished) and envelope.data.call.call_id == call_id
    ]
    assert (finished.outcome, finished.error_type, finished.is_estimated) == ("aborted", "gateway_lost", True)
    assert finished.usage is not None
    assert finished.usage.input_tokens > 4
    assert 0 < finished.usage.output_tokens < 20_000
    assert finished.response_model.startswith("gpt-4o")


def _assert_retired_after_all_it_said(partition: list[Envelope], source: str) -> None:
    places = [
        place
        for place, envelope in enumerate(partition)
        if isinstance(envelope.data, GatewayRetired) and envelope.data.gateway == source
    ]
    assert places, f"{source} is not retired"
    known = {envelope.id for envelope in partition[: places[0]]}
    later = {envelope.id for envelope in partition[places[0] :] if envelope.source == source}
    assert later <= known, "nothing but repeats stands after it"


def _until_spools_are_sent(home: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while len(list((home / "spool").iterdir())) > 1:
        if time.monotonic() > deadline:
            raise Unavailable("old spools are not sent")
        time.sleep(0.02)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
