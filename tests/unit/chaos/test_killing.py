"""What dies when: the same for the same seed, everything at least once, the broker's long stop by itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.topics import TopicName
from tests.builders import AT
from tests.chaos.asking import draw
from tests.chaos.garbage import garbage, is_garbage
from tests.chaos.inventing import around_months_end, late, month_window
from tests.chaos.killing import How, plan_deaths
from tests.chaos.settings import GATEWAYS, WORKERS, ChaosSettings


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("seconds", [60.0, 600.0])
def test_everything_dies_and_the_broker_is_away_once_for_long(seed: int, seconds: float) -> None:
    settings = ChaosSettings(Path(), seconds, seed)
    plan = plan_deaths(settings)
    assert plan == plan_deaths(settings)
    assert {d.process for d in plan} == {"kafka", "warehouse", *GATEWAYS, *WORKERS}
    assert {d.process for d in plan if d.how is How.CHILD} <= set(WORKERS)
    (stop,) = [d for d in plan if d.how is How.STOP]
    assert stop.down_s == (8 if seconds == 60 else 20)
    during = [d for d in plan if stop.at <= d.at <= stop.at + stop.down_s and d is not stop]
    assert "kafka" not in {d.process for d in during}
    assert all(d.at < seconds for d in plan)


def test_another_seed_is_another_run() -> None:
    first, second = (plan_deaths(ChaosSettings(Path(), 600.0, seed)) for seed in (1, 2))
    assert first != second
    assert draw(random.Random("1/0")) == draw(random.Random("1/0"))


def test_garbage_is_none_of_ours_or_does_not_belong() -> None:
    rng = random.Random(1)
    good = late(rng, "spoiled", "nobody", AT).finished
    kinds = set()
    for number in range(300):
        for topic in (TopicName.CALLS, TopicName.COSTS):
            key, value = garbage(rng, number, topic, good, AT)
            assert is_garbage(key)
            try:
                kinds.add(type(decode_event(value).data).__name__)
            except DecodeError:
                kinds.add("unreadable")
    assert kinds == {"unreadable", "TeamDefined", "CallFinished", "CallCosted"}


def test_calls_around_a_months_end_lie_on_both_sides_of_it() -> None:
    made = around_months_end(random.Random(1), "x", ("amber",), AT, 24)
    windows = {month_window(one.finished.call.started_at) for one in made}
    assert windows == {"0/2026-10-01T00:00:00Z", "0/2026-11-01T00:00:00Z"}
    assert all(
        ref.window == month_window(m.finished.call.started_at)
        for m in made
        for ref in m.finished.call.budgets
    )
