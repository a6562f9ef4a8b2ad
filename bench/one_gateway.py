"""A gateway with a log in memory, as a process: `python -m bench.one_gateway HOME PROVIDER`.

Prints its port, and for a line on its standard input the time that each whole answer took from its last byte to the spool.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from gateway_shim.aborting import AbortPolicy, read_rules
from gateway_shim.app import LogConnection, create_app
from gateway_shim.incoming import Incoming
from gateway_shim.recorder import Recorder
from gateway_shim.serving import listen, make_server
from gateway_shim.settings import GatewaySettings, UpstreamSettings
from ingest.events.calls import CallFinished
from ingest.memory import MemoryFollower, MemoryLog

ADMIN_TOKEN = "bench"


def _note_windows(microseconds: list[float]) -> None:
    """From the last chunk that is read until the record is written, noted in every call of this process."""
    take, write, read_at = Incoming.take, Recorder.finished, [0.0]

    def noted_take(self: Incoming, chunk: bytes) -> bytes:
        read_at[0] = time.perf_counter()
        return take(self, chunk)

    def noted_finished(self: Recorder, finished: CallFinished) -> None:
        write(self, finished)
        if not finished.call.is_stream:
            microseconds.append((time.perf_counter() - read_at[0]) * 1e6)

    Incoming.take = noted_take  # type: ignore[method-assign]
    Recorder.finished = noted_finished  # type: ignore[method-assign]


async def _serve(home: Path, provider: str, microseconds: list[float]) -> None:
    log = MemoryLog()

    @asynccontextmanager
    async def connect() -> AsyncIterator[LogConnection]:
        yield LogConnection(log, lambda topic: MemoryFollower(log, topic))

    settings = GatewaySettings(
        home,
        "memory",
        {name: UpstreamSettings(provider, "k") for name in ("openai", "anthropic", "mistral", "gemini")},
        admin_token=ADMIN_TOKEN,
        aborts=AbortPolicy(read_rules("*=cancel", "bench")),
    )
    listening = listen("127.0.0.1", 0, "PORT")
    gateway = create_app(settings, connect)
    server = make_server(gateway.app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not gateway.parts.is_ready:  # noqa: ASYNC110 - the parts have no event for it
        await asyncio.sleep(0.01)
    print(listening.getsockname()[1], flush=True)
    if await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(microseconds), flush=True)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    noted: list[float] = []
    _note_windows(noted)
    uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2], noted))
