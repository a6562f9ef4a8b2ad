"""`spendstream replay` on a real Kafka and ClickHouse: an empty database comes out equal, row for row, through a kill."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ingest.broker.launcher import EmbeddedBroker
from ingest.codec import encode_event
from ingest.events.dead_letters import DeadLetterResolved, LetterAction
from ingest.ids import new_id
from ingest.kafka.admin import cluster_id, create_topics
from ingest.kafka.spans import spans
from ingest.log import Outgoing
from ingest.topics import TOPICS, TopicName
from tests.builders import AT, a_budget_state
from tests.fixtures.processes import PROJECT_ROOT
from tests.integration.test_loading_kills import Setting, Tally, count, publish, stored_up_to, until
from warehouse.client import Client, create_client

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DEADLINE_S = 60.0
RECORDS = 3000


@pytest.fixture(scope="module")
def loaded(kafka_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """A warehouse that has loaded calls with repeats, corrections and junk, and states of a budget."""
    with ExitStack() as ending:
        folder = tmp_path_factory.mktemp("replay")
        broker = ending.enter_context(EmbeddedBroker(folder / "kafka", 0, cache=kafka_cache))
        asyncio.run(create_topics(broker.bootstrap, TOPICS))
        setting = Setting(broker.bootstrap, folder, ending)
        tally = Tally(seed=4)
        resolved = DeadLetterResolved("llm.calls", 0, 1, LetterAction.DISMISSED, AT, "ada", "a test")
        publish(setting, [*tally.portion(RECORDS), *map(a_state, range(20)), an_action(resolved)])
        log = asyncio.run(cluster_id(broker.bootstrap))
        until(
            "everything is loaded",
            lambda: (
                stored_up_to(setting, log, TopicName.COSTS) == RECORDS
                and stored_up_to(setting, log, TopicName.STATES) == 20
                and stored_up_to(setting, log, TopicName.DEAD_LETTERS) > tally.junk > 0
            ),
            setting.loader,
        )
        yield setting


def a_state(number: int) -> Outgoing:
    event = a_budget_state(spent_usd=Decimal(number), changed_at=AT + timedelta(seconds=number))
    return Outgoing(
        TopicName.STATES, event.budget.name, encode_event(event, id=new_id(), source="test", time=AT)
    )


def an_action(event: DeadLetterResolved) -> Outgoing:
    return Outgoing(
        TopicName.DEAD_LETTERS, event.topic, encode_event(event, id=new_id(), source="test", time=AT)
    )


def connected(setting: Setting, database: str) -> Client:
    return create_client(urlsplit(setting.warehouse.url)._replace(path=f"/{database}").geturl())


def test_the_rebuilt_warehouse_is_equal_row_for_row(loaded: Setting) -> None:
    done = loaded.loader.run("replay", "--into", "rebuilt", "--yes", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "equal, row for row"
    calls = count(loaded.client, "SELECT count() FROM calls")
    table = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()[1:2]}
    assert table["calls"].split() == ["calls", f"{calls:,}", f"{calls:,}", f"{calls:,}", "0", "0", "0"]
    assert table["budget_states"].split()[1:4] == ["20", "20", "20"]
    assert table["dead_letter_actions"].split()[1:4] == ["1", "1", "1"]
    assert "records cannot be read; they stand among the dead letters" in done.stderr
    rebuilt = connected(loaded, "rebuilt")
    sums = "SELECT count(), sum(cost_usd), sum(version) FROM calls"
    assert rebuilt.rows(sums) == loaded.client.rows(sums)
    rebuilt.close()


def test_nothing_was_published_again(loaded: Setting) -> None:
    """A replay meets the unreadable records, too; their letters stand on the log already."""
    before = asyncio.run(spans(loaded.kafka, TopicName.DEAD_LETTERS))
    assert loaded.loader.run("replay", "--into", "quiet", "--yes").returncode == 0
    assert asyncio.run(spans(loaded.kafka, TopicName.DEAD_LETTERS)) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE cost_usd = cost_usd + toDecimal128('0.000000000001', 12)", "cost_usd is "),
        ("UPDATE input_tokens = input_tokens + 1", "input_tokens is 1001 here, 1000 by the log"),
        ("DELETE", "missing here, the log has it"),
    ],
)
def test_a_tampered_row_is_found(loaded: Setting, change: str, told: str) -> None:
    loaded.client.execute("CREATE DATABASE IF NOT EXISTS tampered", in_database=False)
    with ExitStack() as ending:
        ending.callback(loaded.client.execute, "DROP DATABASE tampered SYNC", in_database=False)
        tampered = connected(loaded, "tampered")
        ending.callback(tampered.close)
        copy_of_warehouse(loaded, tampered)
        ((call_id,),) = loaded.client.rows("SELECT call_id FROM calls ORDER BY call_id LIMIT 1")
        tampered.execute(
            f"ALTER TABLE calls_raw {change} WHERE call_id = '{call_id}' SETTINGS mutations_sync = 1"
        )
        done = run(loaded, "tampered", "replay", "--into", "rebuilt_for_tampered", "--yes", "--verify")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "1 rows are not as the log gives them" in done.stdout
        assert f"DIFFERS  calls, call {call_id} of " in done.stdout
        assert told in done.stdout


def copy_of_warehouse(loaded: Setting, other: Client) -> None:
    """The same tables with the same rows."""
    assert run(loaded, other.database, "migrate").returncode == 0
    tables = ("calls_raw", "budget_states", "dead_letters", "dead_letter_actions", "stored_positions")
    for table in (*tables, "call_versions", "spend_by_team_hour"):
        other.execute(f"INSERT INTO {table} SELECT * FROM {loaded.client.database}.{table}")


def run(loaded: Setting, database: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", *words],
        cwd=PROJECT_ROOT,
        env={**loaded.loader._environment, "SPENDSTREAM_CLICKHOUSE": connected_url(loaded, database)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def connected_url(loaded: Setting, database: str) -> str:
    return urlsplit(loaded.warehouse.url)._replace(path=f"/{database}").geturl()


@pytest.mark.parametrize("table", ["replay_plan", "calls_raw", "stored_positions"])
def test_a_replay_that_was_killed_goes_on(loaded: Setting, table: str) -> None:
    """Killed as soon as its plan is written down, as rows arrive, and as a position is recorded."""
    database = f"killed_at_{table}"
    replaying = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "replay", "--into", database, "--yes"],
        cwd=PROJECT_ROOT,
        env=loaded.loader._environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + DEADLINE_S
    while not has_rows(loaded.client, database, table):
        assert replaying.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    replaying.send_signal(signal.SIGKILL)
    replaying.wait()
    done = loaded.loader.run("replay", "--into", database, "--yes", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"going on with the replay that was begun in {database}" in done.stderr
    assert done.stdout.splitlines()[-1] == "equal, row for row"


def has_rows(client: Client, database: str, table: str) -> bool:
    found = f"SELECT sum(total_rows) FROM system.tables WHERE database = '{database}' AND name = '{table}'"
    return count(client, f"SELECT ifNull(({found}), 0)") > 0


def test_a_database_with_something_in_it_is_refused(loaded: Setting) -> None:
    occupied = connected(loaded, "occupied")
    occupied.execute("CREATE DATABASE occupied", in_database=False)
    occupied.execute("CREATE TABLE somebody_elses (n UInt8) ENGINE = MergeTree ORDER BY n")
    occupied.execute("INSERT INTO somebody_elses VALUES (1)")
    refused = loaded.loader.run("replay", "--into", "occupied", "--yes")
    assert refused.returncode == 1
    assert "the database occupied is not empty: it holds somebody_elses (1 rows)" in refused.stderr
    itself = loaded.loader.run("replay", "--into", loaded.client.database, "--yes")
    assert itself.returncode == 1
    assert "is the present warehouse" in itself.stderr
    occupied.close()


def test_it_asks_and_says_what_is_missing(loaded: Setting) -> None:
    unsure = loaded.loader.run("replay", "--into", "unsure")
    assert unsure.returncode == 1
    assert "say --yes to do it without being asked" in unsure.stderr
    assert "Traceback" not in unsure.stderr
    nowhere = loaded.loader.run("replay")
    assert nowhere.returncode == 1
    assert nowhere.stderr == "spendstream: say which database to fill: --into DATABASE, or --clickhouse URL\n"
