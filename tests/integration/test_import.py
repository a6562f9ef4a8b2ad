"""The command `spendstream import` against a real Kafka: the real trace, twice, and a broker that is not there."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from ingest.codec import decode_event
from ingest.events.calls import CallFinished
from ingest.topics import TopicName
from tests.fixtures.processes import PROJECT_ROOT, free_ports
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.integration

TRACE = PROJECT_ROOT.parent / "shared" / "data" / "azure_llm_trace_code_2023.csv"
_READ_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of our own, with the topics, since the command writes to the real names."""
    with Stack(tmp_path_factory.mktemp("stack"), processes=("kafka",)) as stack:
        yield stack.kafka


def spendstream(kafka: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a person runs it."""
    command = [sys.executable, "-c", "from ingest.command import main; main()", *words]
    environment = {**os.environ, "SPENDSTREAM_KAFKA": kafka}
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


async def read_calls(kafka: str, expected: int) -> list[CallFinished]:
    """The first `expected` events of `llm.calls`, from the beginning."""
    consumer = AIOKafkaConsumer(TopicName.CALLS, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: list[CallFinished] = []
    try:
        async with asyncio.timeout(_READ_WITHIN_S):
            while len(found) < expected:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    events = [decode_event(record.value).data for record in records]
                    found += [event for event in events if isinstance(event, CallFinished)]
    finally:
        await consumer.stop()
    return found


def test_the_real_trace_twice(kafka: str) -> None:
    if not TRACE.exists():
        pytest.skip("the Azure trace is not there (shared/data beside the project)")
    with TRACE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    words = ("import", str(TRACE), "--model", "gpt-4o", "--team", "code")
    for _ in range(2):
        done = spendstream(kafka, *words)
        assert done.returncode == 0, done.stderr
        assert "imported 8,819 calls" in done.stdout
        assert "8819/8819" in done.stderr

    events = asyncio.run(read_calls(kafka, 2 * len(rows)))
    once = {event.call.call_id: event for event in events}
    assert len(events) == 2 * len(rows)
    assert len(once) == len(rows)
    usage = [event.usage for event in once.values() if event.usage is not None]
    assert sum(each.input_tokens for each in usage) == sum(int(row["ContextTokens"]) for row in rows)
    assert sum(each.output_tokens for each in usage) == sum(int(row["GeneratedTokens"]) for row in rows)


def test_a_broker_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("time,model,prompt_tokens\n2026-03-01,gpt-4o,1\n")
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    done = spendstream(nobody, "import", str(path))
    assert done.returncode == 1
    assert f"no Kafka broker answered at {nobody}" in done.stderr
    assert "Traceback" not in done.stderr
