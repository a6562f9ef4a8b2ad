"""One chaos run from beginning to end: load and kills, then rest, then the comparison."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from aiokafka.errors import KafkaError

from ingest.clock import Clock
from tests.chaos.comparing import Books, Fault, faults
from tests.chaos.gaps import gaps
from tests.chaos.killing import Reaper, plan_deaths
from tests.chaos.load import Load
from tests.chaos.log_books import LogReader
from tests.chaos.mischief import Mischief
from tests.chaos.other_books import Asking, OtherBooks, ProviderBooks
from tests.chaos.people import Admin, People, set_up
from tests.chaos.result import Result, explained, figures
from tests.chaos.serving import Serving
from tests.chaos.settings import GATEWAYS, ChaosSettings
from tests.chaos.waiting import until
from tests.fixtures.stack import Stack

_MISCHIEF_EVERY_S = 2.5
_LOOK_EVERY_S = 1.0
_READY_S = 120.0
_TOLD_FAULTS = 20
_NOT_YET = (aiohttp.ClientError, OSError, KafkaError, TimeoutError)
"""While things come back, questions fail."""


class ChaosRun:
    """On a stack that is ready. `say` is told how far it is."""

    def __init__(
        self,
        stack: Stack,
        settings: ChaosSettings,
        clock: Clock,
        say: Callable[[str], None],
        session: aiohttp.ClientSession,
        people: People,
    ) -> None:
        self._stack, self._settings, self._clock, self._say = stack, settings, clock, say
        admin = Admin(stack, session)
        seed = settings.seed
        self._people = people
        self._load = Load(stack.url, GATEWAYS, people.keys, seed, clock)
        self._asking = Asking(stack, session, admin)
        self._mischief = Mischief(stack.kafka, admin, self._asking, GATEWAYS, people, seed, clock)
        self._reaper = Reaper(stack, clock)
        self._provider = ProviderBooks(stack, session)
        self._result = Result(seed, settings.seconds)
        self._serving: Serving | None = None
        self._wall = (0.0, 0.0)

    async def run(self) -> Result:
        """What was found out, whether everything agreed or not."""
        keeping = asyncio.create_task(self._reaper.keep())
        following = asyncio.create_task(self._provider.follow())
        try:
            await self._storm()
            self._say("the load has ended; waiting until everything is at rest")
            await self._all_ready()
            await self._mischief.retire_all()
            async with LogReader(self._stack.kafka) as reader:
                books = Books(reader.books, OtherBooks(), self._people, self._mischief.invented)
                await self._settle(books, reader)
        finally:
            for task in (keeping, following):
                task.cancel()
            await asyncio.gather(keeping, following, return_exceptions=True)
        self._tell(books)
        return self._result

    async def _storm(self) -> None:
        """Load, kills and mischief, until the time is over and whatever was killed has been started again."""
        stop = asyncio.Event()
        began = self._clock.now().timestamp()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._load.run(self._settings.clients, self._settings.rate, stop))
            tasks.create_task(self._mischief.run(_MISCHIEF_EVERY_S, stop))
            tasks.create_task(self._time(stop, self._reaper.run(plan_deaths(self._settings))))
        self._wall = began, self._clock.now().timestamp()

    async def _time(self, stop: asyncio.Event, killing: Coroutine[Any, Any, None]) -> None:
        ends = self._clock.monotonic() + self._settings.seconds
        killer = asyncio.create_task(killing)
        while (left := ends - self._clock.monotonic()) > 0:
            await asyncio.sleep(min(10.0, left))
            dead = sum(self._reaper.deaths.values())
            self._say(f"{max(0.0, left - 10):4.0f} s left: {len(self._load.tries)} tries, {dead} kills")
        await killer
        stop.set()

    async def _all_ready(self) -> None:
        for name in self._stack.names:
            await until(lambda name=name: asyncio.to_thread(self._stack.is_ready, name), _READY_S)  # type: ignore[misc]

    async def _settle(self, books: Books, reader: LogReader) -> None:
        """Compare until there is no difference, or until the time for that is over."""
        began = self._clock.monotonic()
        while True:
            try:
                found = await self._look(books, reader)
            except _NOT_YET as reason:
                found = [Fault(f"something does not answer: {reason!r}")]
            took = self._clock.monotonic() - began
            if not found:
                self._result.settled_s = took
                return
            if took > self._settings.settle_s:
                self._result.faults = [explained(fault, books) for fault in found]
                return
            self._say(f"{took:4.0f} s after the load, {len(found)} differences: {_kinds(found)}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self, books: Books, reader: LogReader) -> list[Fault]:
        """What is not at rest yet; once everything is, what differs."""
        await reader.catch_up()
        await self._provider.catch_up()
        if waiting := await self._asking.waits_in_spools(GATEWAYS):
            return [Fault(f"{waiting} bytes wait in the spools")]
        log = books.log
        if not self._settings.leaves_calls_open and (open_calls := log.open_calls()):
            return [Fault(f"{len(open_calls)} calls are open", tuple(open_calls))]
        if (count := await self._asking.count()) != len(log.finished):
            missing = tuple(log.finished.keys() - books.other.rows.keys()) if books.other.rows else ()
            return [Fault(f"the warehouse has {count} of {len(log.finished)} calls", missing)]
        books.other = await self._asking.everything(self._people, GATEWAYS)
        self._serving = Serving(log, self._provider.calls, self._load.tries)
        self._serving.compare()
        return [*self._serving.faults, *faults(books)]

    def _tell(self, books: Books) -> None:
        result = self._result
        result.kills = {f"{name}: {how}": n for (name, how), n in sorted(self._reaper.deaths.items())}
        ends = Counter(f"{name}: exit code {code}" for name, code in self._reaper.ended_by_themselves)
        result.ended_by_themselves = dict(ends)
        result.mischief = {
            name: f"{self._mischief.done[name]}, {self._mischief.failed[name]}"
            for name in sorted(self._mischief.done | self._mischief.failed)
        }
        figures(result, books, self._serving.groups if self._serving else {}, self._load.tries)
        result.gaps = gaps(books, self._load.tries, self._wall)


def _kinds(found: list[Fault]) -> str:
    """The first of each kind, shortened."""
    firsts = {fault.what[:25]: fault.what[:90] for fault in reversed(found)}
    return " | ".join(list(firsts.values())[::-1][:5])


async def chaos(stack: Stack, settings: ChaosSettings, clock: Clock, say: Callable[[str], None]) -> Result:
    """Run it on a stack that is ready, with teams and budgets made for it."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        people = await set_up(Admin(stack, session), GATEWAYS)
        return await ChaosRun(stack, settings, clock, say, session, people).run()
