"""The kills: a seeded plan of what dies when and for how long, and whoever carries it out on the real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ingest.clock import Clock
from tests.chaos.settings import GATEWAYS, WORKERS, ChaosSettings
from tests.fixtures.stack import Stack

_FIRST_S = 2.0
_LONGEST_DOWN_S = 3.0
_LOOK_S = 0.5


class How(Enum):
    """In what way a process goes."""

    KILL = "kill -9"
    """It and its children, as when a machine dies."""
    CHILD = "kill -9 of the child"
    """Only the worker's own process: its supervisor has to notice."""
    STOP = "stop"
    """Asked to stop, and away for long."""


@dataclass(frozen=True)
class Death:
    """`at` seconds after the start, and `down_s` seconds until it is started again."""

    at: float
    process: str
    how: How
    down_s: float


def plan_deaths(settings: ChaosSettings) -> list[Death]:
    """Every process in turn, in an order drawn anew each time, and the broker's long stop in the middle."""
    rng = random.Random(f"{settings.seed}/deaths")
    stop = Death(0.4 * settings.seconds, "kafka", How.STOP, settings.broker_stop_s)
    deaths = [stop]
    victims = _victims(rng)
    at = _FIRST_S
    while at < settings.seconds:
        # While the broker is away, whoever needs it is killed too, but not the broker again.
        process, how = next(victims)
        if process == "kafka" and -_LONGEST_DOWN_S <= at - stop.at <= stop.down_s + 5:
            process, how = next(victims)
        deaths.append(Death(at, process, how, rng.uniform(0, _LONGEST_DOWN_S)))
        at += settings.kill_every_s * rng.uniform(0.4, 1.6)
    return sorted(deaths, key=lambda death: death.at)


def _victims(rng: random.Random) -> Iterator[tuple[str, How]]:
    all_of_them = [(name, How.KILL) for name in ("kafka", "warehouse", *GATEWAYS, *WORKERS)]
    all_of_them += [(name, How.CHILD) for name in WORKERS]
    while True:
        rng.shuffle(all_of_them)
        yield from all_of_them


class Reaper:
    """Carries a plan out. What it kills it starts again; what ends by itself is counted and started again too."""

    def __init__(self, stack: Stack, clock: Clock) -> None:
        self._stack = stack
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.deaths: Counter[tuple[str, str]] = Counter()
        """By process and way."""
        self.ended_by_themselves: list[tuple[str, int]] = []
        """Process and exit code."""
        self.at: list[tuple[float, str, str]] = []
        """When (monotonic seconds) what happened to which process, for reading logs beside it."""

    async def run(self, plan: list[Death]) -> None:
        """Returns when everything that was killed has been started again (not: is ready again)."""
        began = self._clock.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for death in plan:
                await asyncio.sleep(max(0.0, began + death.at - self._clock.monotonic()))
                tasks.create_task(self._die(death))

    async def keep(self) -> None:
        """Start again what has ended by itself, as a service manager would; until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for name in self._stack.names:
                if self._locks[name].locked():
                    continue
                async with self._locks[name]:
                    code = self._stack.exit_code(name)
                    if code is not None:
                        self.ended_by_themselves.append((name, code))
                        self._note(name, f"ended by itself with exit code {code}")
                        await asyncio.to_thread(self._stack.launch, name)

    async def _die(self, death: Death) -> None:
        if self._locks[death.process].locked():
            return  # it is away already
        async with self._locks[death.process]:
            if death.how is How.CHILD:
                self._kill_child(death.process)
                return
            self._note(death.process, death.how.value)
            end = self._stack.kill if death.how is How.KILL else self._stack.terminate
            await asyncio.to_thread(end, death.process)
            self.deaths[death.process, death.how.value] += 1
            await asyncio.sleep(death.down_s)
            await asyncio.to_thread(self._stack.launch, death.process)
            self._note(death.process, "started")

    def _kill_child(self, name: str) -> None:
        pids = self._stack.pids(name)
        supervisor = self._stack.pid(name)
        for pid in pids:
            if pid != supervisor:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._note(name, How.CHILD.value)
                self.deaths[name, How.CHILD.value] += 1

    def _note(self, name: str, what: str) -> None:
        self.at.append((self._clock.monotonic(), name, what))
