"""What the log no longer holds, and what has come since a replay began, is named and is no difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from ingest.broker.launcher import EmbeddedBroker
from ingest.kafka.admin import cluster_id, create_topics
from ingest.kafka.spans import spans
from ingest.topics import TOPICS, TopicName
from tests.integration.test_loading_kills import Setting, Tally, count, publish, stored_up_to, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

PORTION = 400


@pytest.fixture
def setting(kafka_cache: Path, tmp_path: Path) -> Iterator[Setting]:
    with ExitStack() as ending:
        broker = ending.enter_context(EmbeddedBroker(tmp_path / "kafka", 0, cache=kafka_cache))
        asyncio.run(create_topics(broker.bootstrap, TOPICS))
        yield Setting(broker.bootstrap, tmp_path, ending)


async def forget_half(kafka: str) -> int:
    """Let the log forget the first half of every partition of `llm.costs`; how many records that are."""
    held = await spans(kafka, TopicName.COSTS)
    halves = {
        TopicPartition(TopicName.COSTS, number): RecordsToDelete(before_offset=span.end // 2)
        for number, span in held.items()
        if span.end
    }
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records(halves)
    finally:
        await admin.close()
    return sum(span.begin for span in (await spans(kafka, TopicName.COSTS)).values())


def test_what_left_the_log_and_what_came_later_are_no_differences(setting: Setting) -> None:
    tally, log = Tally(seed=11), asyncio.run(cluster_id(setting.kafka))
    for published in (PORTION, 2 * PORTION):
        publish(setting, tally.portion(PORTION))
        until(
            "it is loaded",
            lambda up_to=published: stored_up_to(setting, log, TopicName.COSTS) == up_to,  # type: ignore[misc]
            setting.loader,
        )
    forgotten = asyncio.run(forget_half(setting.kafka))
    assert forgotten > PORTION // 2
    first = setting.loader.run("replay", "--into", "rebuilt", "--yes", "--verify")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "rows of calls come from records that the log no longer holds" in first.stdout
    assert first.stdout.splitlines()[-1] == "equal, row for row"
    calls = count(setting.client, "SELECT count() FROM calls")
    _, here, replayed, equal, different, gone, moving = row_of("calls", first.stdout)
    assert here == equal + gone == calls
    assert gone > 0
    assert (different, moving) == (0, 0)
    assert replayed >= equal

    publish(setting, tally.portion(PORTION))
    until(
        "the rest is loaded",
        lambda: stored_up_to(setting, log, TopicName.COSTS) == 3 * PORTION,
        setting.loader,
    )
    later = setting.loader.run("replay", "--into", "rebuilt", "--yes", "--verify")
    assert later.returncode == 0, later.stdout + later.stderr
    assert later.stdout.splitlines()[-1] == "equal, row for row"
    _, _, _, _, different, _, moving = row_of("calls", later.stdout)
    assert different == 0
    assert moving > PORTION // 2


def row_of(table: str, output: str) -> tuple[str, int, int, int, int, int, int]:
    """The numbers of one table's line."""
    (line,) = [text for text in output.splitlines() if text.startswith(f"{table} ")]
    name, *numbers = line.split()
    here, replayed, equal, different, gone, moving = (int(text.replace(",", "")) for text in numbers)
    return name, here, replayed, equal, different, gone, moving
