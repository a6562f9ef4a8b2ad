"""Live traffic against a real server, and the server itself as `serve` runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway_shim.simulation.ledger import ServedCall
from gateway_shim.simulation.server import SimulationSettings, serve
from gateway_shim.simulation.traffic import TEAMS, TrafficCount, TrafficSettings, run_traffic
from ingest.errors import Unavailable
from tests.fixtures.providers import DEADLINE_S, SimulatedProviders, running_providers

pytestmark = pytest.mark.integration

UNROUTED = ("code", "search", "research", "batch")  # the simulated providers have no `/v1` of a gateway


def test_all_that_is_sent_is_served(simulated_providers: SimulatedProviders) -> None:
    simulated_providers.reset()
    said: list[str] = []
    settings = TrafficSettings(
        keys={name: f"key of {name}" for name in UNROUTED},
        gateway_url=simulated_providers.base_url,
        rate=2000,
        abort_share=0,
        max_calls=600,
    )
    count = asyncio.run(run_traffic(settings, say=said.append))
    served = simulated_providers.served(calls=True)
    calls = served.calls or []
    assert (count.sent, count.answered, count.failed, said) == (600, 600, 0, [])
    assert len(calls) == 600
    assert {call.outcome for call in calls} == {"ok"}
    assert {call.provider for call in calls} == {"openai", "anthropic", "mistral", "gemini"}
    assert {call.stream for call in calls} == {True, False}
    assert len({call.key_sha256 for call in calls}) == len(UNROUTED)
    assert sum(call.usage.cache_read_tokens for call in calls) > 0


def test_cancelling_ends_calls_in_flight() -> None:
    def at_work(calls: list[ServedCall]) -> bool:
        return len(calls) >= 20

    with running_providers(SimulationSettings(speed=1)) as providers:
        settings = TrafficSettings(
            keys=dict.fromkeys(UNROUTED, "k"), gateway_url=providers.base_url, rate=200
        )

        async def run() -> None:
            running = asyncio.create_task(run_traffic(settings, say=lambda _: None))
            await asyncio.to_thread(providers.wait_for, at_work)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            assert running.cancelled()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(run())
        providers.wait_for(lambda calls: any(call.aborted_by == "client" for call in calls))


def test_some_streams_are_left_in_the_middle() -> None:
    with running_providers(SimulationSettings(speed=0.3)) as providers:
        settings = TrafficSettings(
            keys={"code": "k"}, gateway_url=providers.base_url, rate=500, abort_share=1, max_calls=20
        )
        count = asyncio.run(run_traffic(settings, say=lambda _: None))
        assert count.aborted > 0
        assert count.aborted + count.answered == 20
        providers.wait_for(
            lambda calls: any(call.outcome == "aborted" and call.usage.output_tokens > 0 for call in calls)
        )


@contextlib.asynccontextmanager
async def stub_gateway(refuse: int) -> AsyncIterator[str]:
    """A gateway that refuses the first `refuse` calls for a budget, and answers then."""
    seen = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal seen
        seen += 1
        if seen > refuse:
            return web.json_response({})
        error = {"error": {"message": "Budget code of 1.00 USD is spent until 1 December."}}
        return web.json_response(error, status=429, headers={"x-should-retry": "false", "retry-after": "60"})

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def test_a_refused_team_says_so_once_and_goes_on_slowly() -> None:
    said: list[str] = []

    async def run() -> TrafficCount:
        async with stub_gateway(refuse=12) as url:
            settings = TrafficSettings(keys={"code": "k"}, gateway_url=url, rate=1000, max_calls=40)
            return await run_traffic(settings, say=said.append)

    count = asyncio.run(run())
    assert (count.sent, count.refused, count.answered) == (40, 12, 28)
    assert said[0].startswith("code: refused by a budget and slowing down (Budget code of 1.00 USD is spent")
    assert said[1:] == ["code: served again"]


def test_a_gateway_that_is_not_there_is_waited_for() -> None:
    said: list[str] = []
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        settings = TrafficSettings(keys={"code": "k"}, gateway_url=url, rate=100, max_calls=2)
        count = asyncio.run(run_traffic(settings, say=said.append))
    assert (count.sent, count.failed, count.answered) == (2, 2, 0)
    assert len(said) == 1
    assert said[0].startswith(f"no gateway at {url}")


def test_the_server_serves_until_it_is_told_to_stop() -> None:
    code = (
        "import asyncio\n"
        "from gateway_shim.simulation.server import SimulationSettings, serve\n"
        "asyncio.run(serve(SimulationSettings(), 0, ready=lambda port: print(port, flush=True)))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            port = int(child.stdout.readline())
            assert SimulatedProviders(f"http://127.0.0.1:{port}").calls() == []
            child.send_signal(signal.SIGTERM)
            child.wait(DEADLINE_S)
            assert child.stderr.read() == b""
        finally:
            child.kill()


def test_cancelling_the_server_frees_its_port() -> None:
    async def run() -> int:
        ports: asyncio.Queue[int] = asyncio.Queue()
        running = asyncio.create_task(serve(SimulationSettings(speed=0), 0, ready=ports.put_nowait))
        port = await ports.get()
        health = await asyncio.to_thread(_health, port)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert health == {"status": "ok", "simulated": True}
        return port

    port = asyncio.run(run())
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            Unavailable,
            match=rf"cannot listen on 127.0.0.1:{port} \(Address already in use\); .*SPENDSTREAM_SIMULATOR_PORT",
        ):
            asyncio.run(serve(SimulationSettings(), port))


def _health(port: int) -> object:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_the_teams_of_the_demonstration_are_public() -> None:
    assert {team.name for team in TEAMS} >= set(UNROUTED)
