"""The load: clients that ask, hang up, and try again as SDKs do; each writes down what it saw of every single try."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import aiohttp

from gateway_shim.headers import CALL_ID_HEADER
from ingest.clock import Clock
from tests.chaos.asking import Ask, draw
from tests.chaos.people import Key

RETRIES = 2
_PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=5)


class Saw(Enum):
    """What a client saw of one try."""

    WHOLE = "whole answer"
    ERROR = "error of the provider"
    REFUSED = "refused by a budget"
    TURNED_AWAY = "turned away by the gateway"
    HUNG_UP = "hung up itself"
    BROKEN = "broken off"
    UNREACHABLE = "gateway not there"


@dataclass(frozen=True)
class Try:
    """One try, in the client's memory. Times are the clock's monotonic seconds."""

    ref: str
    gateway: str
    team: str
    path: str
    attempt: int
    saw: Saw
    status: int
    call_id: str
    began: float
    ended: float


class _Stopped(Exception):
    """The client hangs up."""


class Load:
    """`url` tells where a gateway is. `tries` grows while `run` goes on."""

    def __init__(
        self, url: Callable[[str], str], gateways: tuple[str, ...], keys: list[Key], seed: int, clock: Clock
    ) -> None:
        self._url = url
        self._gateways = gateways
        self._keys = keys
        self._seed = seed
        self._clock = clock
        self.tries: list[Try] = []

    async def run(self, clients: int, rate: float, stop: asyncio.Event) -> None:
        """Until `stop` is set and every client has ended its last call. `rate` is of all clients, calls a second."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=5)
        async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session:
            await asyncio.gather(
                *(self._client(number, clients / rate, session, stop) for number in range(clients))
            )

    async def _client(
        self, number: int, every_s: float, session: aiohttp.ClientSession, stop: asyncio.Event
    ) -> None:
        rng = random.Random(f"{self._seed}/{number}")
        gateway = self._gateways[number % len(self._gateways)]
        count = 0
        while not stop.is_set():
            began = self._clock.monotonic()
            ask, key = draw(rng), rng.choice(self._keys)
            await self._ask(f"{self._seed}-{number}-{count}", ask, key, gateway, session)
            count += 1
            pause = rng.expovariate(1 / every_s) - (self._clock.monotonic() - began)
            await _pause(stop, max(0.0, pause))

    async def _ask(self, name: str, ask: Ask, key: Key, gateway: str, session: aiohttp.ClientSession) -> None:
        """With the retries of an SDK: what did not come to an answer is asked again, as another call."""
        for attempt in range(RETRIES + 1):
            ref = f"{name}.{attempt}"
            began = self._clock.monotonic()
            saw, status, call_id = await self._try(ref, attempt, ask, key, gateway, session)
            self.tries.append(
                Try(
                    ref=ref,
                    gateway=gateway,
                    team=key.team,
                    path=ask.path,
                    attempt=attempt,
                    saw=saw,
                    status=status,
                    call_id=call_id,
                    began=began,
                    ended=self._clock.monotonic(),
                )
            )
            again = saw in (Saw.UNREACHABLE, Saw.BROKEN, Saw.TURNED_AWAY) or status in (429, 500, 503, 529)
            if not again or saw is Saw.REFUSED:
                return
            await asyncio.sleep(0.2 * 2**attempt)

    async def _try(
        self, ref: str, attempt: int, ask: Ask, key: Key, gateway: str, session: aiohttp.ClientSession
    ) -> tuple[Saw, int, str]:
        status, call_id = 0, ""
        patience = ask.abort_after_s if ask.abort_after == 0 else None
        try:
            async with (
                asyncio.timeout(patience),
                session.post(
                    self._url(gateway) + ask.path,
                    json=ask.body,
                    headers=ask.headers(key.key, ref, attempt),
                ) as answer,
            ):
                status, call_id = answer.status, answer.headers.get(CALL_ID_HEADER, "")
                await _read(answer, ask.abort_after)
        except (TimeoutError, _Stopped):
            return Saw.HUNG_UP, status, call_id
        except aiohttp.ClientConnectorError:
            return Saw.UNREACHABLE, 0, ""
        except (aiohttp.ClientError, OSError):
            return Saw.BROKEN, status, call_id
        return _judged(answer), status, call_id


async def _read(answer: aiohttp.ClientResponse, abort_after: int | None) -> None:
    """To the end; raises _Stopped after so many pieces of the body."""
    count = 0
    async for _ in answer.content.iter_any():
        count += 1
        if abort_after and count >= abort_after:
            answer.close()
            raise _Stopped


def _judged(answer: aiohttp.ClientResponse) -> Saw:
    if answer.status == 200:
        return Saw.WHOLE
    if answer.headers.get("x-should-retry") == "false":
        return Saw.REFUSED
    if answer.headers.get("x-simulated") == "true":
        return Saw.ERROR
    return Saw.TURNED_AWAY


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
