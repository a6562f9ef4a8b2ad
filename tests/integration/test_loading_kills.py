"""kill -9 of the loader and of the warehouse, under load, on a real Kafka: nothing is lost and nothing doubles."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.broker.launcher import EmbeddedBroker
from ingest.codec import encode_event
from ingest.errors import Unavailable
from ingest.events.costs import CallCosted, CostCorrected
from ingest.ids import new_id
from ingest.kafka.admin import cluster_id, create_topics
from ingest.kafka.publisher import KafkaPublisher
from ingest.log import Outgoing
from ingest.topics import TOPICS, TopicName
from tests.builders import AT, a_budget_state, a_call_costed, corrected
from tests.fixtures.clickhouse import WarehouseProcess
from tests.fixtures.processes import PROJECT_ROOT, free_ports
from tests.fixtures.warehouse import spend_of_calls, spend_of_rollup
from warehouse.client import Client, create_client
from warehouse.positions import StoredPositions

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DEADLINE_S = 60.0
_POLL_S = 0.01
PORTION = 1500


class LoaderProcess:
    """`python -m warehouse load`."""

    def __init__(self, kafka: str, clickhouse: str, log: Path, member: str = "loader-1") -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SPENDSTREAM_")}
        self._environment = {**kept, "SPENDSTREAM_KAFKA": kafka, "SPENDSTREAM_CLICKHOUSE": clickhouse}
        self._log = log
        self._member = member
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "warehouse", "load", "--member", self._member],
                cwd=PROJECT_ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python -m warehouse` with `words`, in the same environment."""
        return subprocess.run(
            [sys.executable, "-m", "warehouse", *words],
            cwd=PROJECT_ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class Tally:
    """What has been published, and so what must be in the warehouse."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.calls: list[CallCosted] = []
        self.newest: dict[str, tuple[int, Decimal]] = {}
        self.junk = 0

    def portion(self, size: int) -> list[Outgoing]:
        """New calls of five teams and two months; one in ten is a repeat, one in twenty a correction, a few are junk."""
        found = []
        for _ in range(size):
            die = self.random.random()
            if die < 0.01:
                self.junk += 1
                found.append(Outgoing(TopicName.COSTS, f"team-{self.random.randrange(5)}", b"junk"))
            elif die < 0.16 and self.calls:
                call = self.random.choice(self.calls)
                found.append(self._told(call if die < 0.11 else self._correction(call)))
            else:
                started = AT + timedelta(
                    days=self.random.choice([0, 0, 0, 8]), seconds=len(self.calls) % 3000
                )
                cost = Decimal(self.random.randrange(10**13)).scaleb(-12)
                team = f"team-{self.random.randrange(5)}"
                self.calls.append(a_call_costed(team=team, started_at=started, cost_usd=cost))
                found.append(self._told(self.calls[-1]))
        return found

    def _correction(self, call: CallCosted) -> CostCorrected:
        known, _ = self.newest[call.finished.call.call_id]
        return corrected(call, known + 1, cost_usd=Decimal(self.random.randrange(10**13)).scaleb(-12))

    def _told(self, event: CallCosted | CostCorrected) -> Outgoing:
        call = event.finished.call
        version = 1 if isinstance(event, CallCosted) else event.version
        if version > self.newest.get(call.call_id, (0,))[0]:
            self.newest[call.call_id] = (version, event.cost.cost_usd)
        return Outgoing(
            TopicName.COSTS, call.who.team, encode_event(event, id=new_id(), source="test", time=AT)
        )

    @property
    def spend(self) -> tuple[int, Decimal]:
        return len(self.newest), sum((cost for _, cost in self.newest.values()), Decimal(0))


def until(what: str, condition: Callable[[], bool], loader: LoaderProcess) -> None:
    """Poll `condition`; a warehouse that is away just now, or has no tables yet, makes it false."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            if condition():
                return
        except Unavailable:
            pass
        assert loader.process.poll() is None, f"the loader ended:\n{loader.output}"
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_S:g} s\n{loader.output}"
        time.sleep(_POLL_S)


class Setting:
    """A Kafka, a warehouse on a port that stays, and a loader between them."""

    def __init__(self, kafka: str, folder: Path, ending: ExitStack) -> None:
        self.kafka = kafka
        (port,) = free_ports(1)
        self._words = ("-m", "warehouse", "serve", "--path", str(folder / "store"), "--port", str(port))
        self.warehouse = WarehouseProcess(folder / "warehouse")
        ending.callback(self.warehouse.kill)
        self.warehouse.start(*self._words)
        self.client = create_client(self.warehouse.url)
        ending.callback(self.client.close)
        self.folder, self.ending = folder, ending
        self.loader = LoaderProcess(kafka, self.warehouse.url, folder / "loader.log")
        ending.callback(self.loader.kill)

    def another_loader(self, member: str) -> LoaderProcess:
        """One more of the same group."""
        loader = LoaderProcess(self.kafka, self.warehouse.url, self.folder / f"{member}.log", member)
        self.ending.callback(loader.kill)
        return loader

    def restart_warehouse(self) -> None:
        """kill -9, and start it again on the same port; returns when it answers."""
        self.warehouse.kill()
        self.warehouse.start(*self._words)


@pytest.fixture
def setting(kafka_cache: Path, tmp_path: Path) -> Iterator[Setting]:
    with ExitStack() as ending:
        broker = ending.enter_context(EmbeddedBroker(tmp_path / "kafka", 0, cache=kafka_cache))
        asyncio.run(create_topics(broker.bootstrap, TOPICS))
        yield Setting(broker.bootstrap, tmp_path, ending)


def publish(setting: Setting, records: list[Outgoing]) -> None:
    async def send() -> None:
        async with KafkaPublisher(setting.kafka, "test") as publisher:
            await publisher.publish(records)

    asyncio.run(send())


def count(client: Client, sql: str) -> int:
    ((number,),) = client.rows(sql)
    return int(number)


def stored_up_to(setting: Setting, log: str, topic: str) -> int:
    return sum(mark.position for mark in StoredPositions(setting.client, log, topic).stored().values())


def play_round(setting: Setting, tally: Tally, log: str, moment: str, victim: str) -> None:
    """Publish a portion on top of what is stored, and strike at `moment`."""
    stored = stored_up_to(setting, log, TopicName.COSTS)
    rows = count(setting.client, "SELECT count() FROM calls_raw")
    publish(setting, tally.portion(PORTION))
    if moment == "inserted":
        until(
            "rows arrive",
            lambda: count(setting.client, "SELECT count() FROM calls_raw") > rows,
            setting.loader,
        )
    elif moment == "recorded":
        until("positions move", lambda: stored_up_to(setting, log, TopicName.COSTS) > stored, setting.loader)
    if victim != "warehouse":
        setting.loader.kill()
    if victim != "loader":
        setting.restart_warehouse()
    if victim != "warehouse":
        setting.loader.start()


def test_kills_under_load_lose_nothing_and_double_nothing(setting: Setting) -> None:
    tally, published, loader = Tally(seed=20261124), 0, setting.loader
    log = asyncio.run(cluster_id(setting.kafka))

    def all_is_stored() -> bool:
        return stored_up_to(setting, log, TopicName.COSTS) == published

    until("the tables are there", all_is_stored, loader)
    for moment, victim in [
        ("published", "loader"),
        ("inserted", "loader"),
        ("recorded", "warehouse"),
        ("inserted", "warehouse"),
        ("published", "loader"),
        ("inserted", "both"),
    ]:
        play_round(setting, tally, log, moment, victim)
        published += PORTION
        until("what the kill left behind is taken up", all_is_stored, loader)
    assert spend_of_calls(setting.client) == tally.spend
    assert spend_of_rollup(setting.client) == tally.spend
    until(
        "dead letters arrive",
        lambda: count(setting.client, "SELECT count() FROM dead_letters FINAL") == tally.junk,
        loader,
    )
    checked = loader.run("reconcile", "--log")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "everything agrees" in checked.stdout
    assert "every call is as on the log" in checked.stdout
    assert loader.stop() == 0, loader.output
    assert "Traceback" not in loader.output


def test_loaders_that_come_and_go_lose_nothing_and_double_nothing(setting: Setting) -> None:
    tally, published, loader = Tally(seed=7), 0, setting.loader
    log = asyncio.run(cluster_id(setting.kafka))

    def all_is_stored() -> bool:
        return stored_up_to(setting, log, TopicName.COSTS) == published

    until("the tables are there", all_is_stored, loader)
    other = setting.another_loader("loader-2")
    for what in ("both load", "one was killed", "it came back, the other was killed"):
        publish(setting, tally.portion(PORTION))
        published += PORTION
        if what == "one was killed":
            other.kill()
        elif what == "it came back, the other was killed":
            other.start()
            loader.kill()
        until(what, all_is_stored, other if other.process.poll() is None else loader)
    assert spend_of_calls(setting.client) == spend_of_rollup(setting.client) == tally.spend
    assert other.stop() == 0, other.output


def test_budget_states_are_followed_across_a_kill(setting: Setting) -> None:
    log = asyncio.run(cluster_id(setting.kafka))
    for spent in range(1, 4):
        event = a_budget_state(spent_usd=Decimal(spent), changed_at=AT + timedelta(seconds=spent))
        value = encode_event(event, id=new_id(), source="test", time=AT)
        publish(setting, [Outgoing(TopicName.STATES, event.budget.name, value)])
        stored = spent

        def is_stored(position: int = stored) -> bool:
            return stored_up_to(setting, log, TopicName.STATES) == position

        until("the state arrives", is_stored, setting.loader)
        setting.loader.kill()
        setting.loader.start()
    assert setting.client.rows("SELECT name, spent_usd FROM budgets_current") == [
        ("search-monthly", Decimal(3))
    ]
    assert count(setting.client, "SELECT count() FROM budget_states FINAL") == 3
