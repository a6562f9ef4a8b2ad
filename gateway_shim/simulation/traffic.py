"""Live traffic of several teams against a gateway, for the demonstration: arrivals, streams, hang-ups, refusals."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from gateway_shim.simulation.habits import TEAMS, Team
from gateway_shim.simulation.traffic_pace import Pace, budget_refusal, error_message, wave
from gateway_shim.simulation.traffic_requests import OutgoingCall, draw_call
from ingest.clock import Clock, SystemClock
from ingest.errors import InvalidSetting

__all__ = ["TEAMS", "TrafficCount", "TrafficSettings", "run_traffic"]

_OUTAGE_PAUSE_S = 2.0
_READS_BEFORE_HANGING_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSettings:
    """What to send where. Raises InvalidSetting for a value outside its range, and for a team that does not exist."""

    keys: Mapping[str, str]
    """The gateway's key of each team that takes part, by the names in `habits.TEAMS`."""
    gateway_url: str = "http://127.0.0.1:8080"
    rate: float = 8.0
    """Calls per second of all teams together, on average."""
    seed: int = 1
    wave_s: float = 600.0
    """Seconds that stand for a day."""
    abort_share: float = 0.03
    """Share of streams that the client leaves after a few chunks."""
    max_in_flight: int = 100
    """Calls at once; arrivals beyond that are skipped."""
    timeout_s: float = 120.0
    max_calls: int | None = None
    """Stop after so many calls; None goes on until cancelled."""

    def __post_init__(self) -> None:
        unknown = sorted(self.keys.keys() - {team.name for team in TEAMS})
        if unknown or not self.keys:
            known = ", ".join(team.name for team in TEAMS)
            raise InvalidSetting(f"keys are for {', '.join(unknown) or 'no team'}; the teams are {known}")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InvalidSetting(f"rate is {self.rate} calls per second; it has to be above 0")
        if not 0 <= self.abort_share <= 1:
            raise InvalidSetting(f"abort_share is {self.abort_share}; it is a share from 0 to 1")


@dataclass(slots=True)
class TrafficCount:
    """What became of the calls."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    """By a budget."""
    failed: int = 0
    """With any other error, or without an answer."""
    aborted: int = 0
    """Left by us in mid-stream."""
    skipped: int = 0
    """Not sent, because too many were in flight."""


async def run_traffic(
    settings: TrafficSettings, *, say: Callable[[str], None], clock: Clock | None = None
) -> TrafficCount:
    """Send traffic until cancelled, or until `max_calls` were sent and ended. `say` gets a line for people now and then.

    Cancelling ends the calls in flight and closes all connections. A gateway that does not answer is waited for.
    """
    timeout = aiohttp.ClientTimeout(total=settings.timeout_s)
    connector = aiohttp.TCPConnector(limit=settings.max_in_flight)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        traffic = _Traffic(settings, session, group, say, clock or SystemClock())
        for team in TEAMS:
            if team.name in settings.keys:
                group.create_task(traffic.run(team))
    return traffic.count


class _Traffic:
    """The traffic of one run."""

    def __init__(
        self,
        settings: TrafficSettings,
        session: aiohttp.ClientSession,
        group: asyncio.TaskGroup,
        say: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self.count = TrafficCount()
        self._settings = settings
        self._session = session
        self._group = group
        self._say = say
        self._clock = clock
        self._started = clock.monotonic()
        self._in_flight = 0
        self._gateway_down = False

    async def run(self, team: Team) -> None:
        """Calls of one team: Poisson arrivals, singly or in bursts, at the pace that the gateway allows."""
        settings = self._settings
        rng = random.Random(f"{settings.seed}|{team.name}")
        shares = sum(other.share for other in TEAMS if other.name in settings.keys)
        arrivals = settings.rate * team.share / shares / team.burst
        pace = Pace(team, self._say)
        while not self._done():
            elapsed = self._clock.monotonic() - self._started
            rate = arrivals * pace.factor * wave(team, elapsed, settings.wave_s)
            await asyncio.sleep(rng.expovariate(rate))
            if self._gateway_down:
                await asyncio.sleep(_OUTAGE_PAUSE_S)
            for _ in range(1 if team.burst == 1 else rng.randint(1, 2 * team.burst - 1)):
                self._start(team, pace, rng)

    def _done(self) -> bool:
        return self._settings.max_calls is not None and self.count.sent >= self._settings.max_calls

    def _start(self, team: Team, pace: Pace, rng: random.Random) -> None:
        if self._done():
            return
        if self._in_flight >= self._settings.max_in_flight:
            self.count.skipped += 1
            return
        call = draw_call(team, self._settings.keys[team.name], rng)
        leaves = call.stream and rng.random() < self._settings.abort_share
        self.count.sent += 1
        self._in_flight += 1
        self._group.create_task(self._send(call, pace, leaves))

    async def _send(self, call: OutgoingCall, pace: Pace, leaves: bool) -> None:
        url = self._settings.gateway_url.rstrip("/") + call.path
        was_slow = pace.slow
        try:
            async with self._session.post(url, data=call.body, headers=call.headers) as response:
                self._up()
                if response.status >= 400:
                    self._refused(response, await response.read(), pace)
                    return
                pace.answered(was_slow)
                await self._read(response, leaves)
        except aiohttp.ClientConnectorError as error:
            self.count.failed += 1
            self._down(error)
        except (aiohttp.ClientError, TimeoutError):
            self.count.failed += 1  # a stream that broke, a call that took too long: part of the picture
        finally:
            self._in_flight -= 1

    async def _read(self, response: aiohttp.ClientResponse, leaves: bool) -> None:
        reads = 0
        async for _ in response.content.iter_any():
            reads += 1
            if leaves and reads >= _READS_BEFORE_HANGING_UP:
                response.close()
                self.count.aborted += 1
                return
        self.count.answered += 1

    def _refused(self, response: aiohttp.ClientResponse, body: bytes, pace: Pace) -> None:
        message = budget_refusal(response.status, response.headers, body)
        if message is not None:
            self.count.refused += 1
            pace.refused(message)
            return
        self.count.failed += 1
        if response.status == 401:
            pace.locked_out(error_message(body))

    def _down(self, error: aiohttp.ClientConnectorError) -> None:
        if not self._gateway_down:
            self._say(
                f"no gateway at {self._settings.gateway_url} ({error.os_error.strerror}); waiting for it"
            )
        self._gateway_down = True

    def _up(self) -> None:
        if self._gateway_down:
            self._say(f"the gateway at {self._settings.gateway_url} answers again")
        self._gateway_down = False
