"""What happens at the end of a call, on the clock: `python -m bench.aborts`.

- From a caller's leaving until the provider sees its connection closed (policy *cancel*), streams, polite closes and
  resets, alone and beside streams of others.
- From the last byte of an answer read by the gateway until its record is in the spool: what a `kill -9` could lose of an
  answer as a whole.

The gateway is a process of its own, with a log in memory; callers and the provider are in this one. All read the same
monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.figures import percentile
from bench.one_gateway import ADMIN_TOKEN

_ABORTS = 200
_OTHERS = 32
_WHOLE_CALLS = 2000
_DEADLINE_S = 20.0
_CHUNK = b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"some text "}}],"usage":null}\n\n'
_WHOLE = json.dumps(
    {"id": "c", "model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 20}}
).encode()


class Provider:
    """Streams a chunk every 20 ms for ever to whoever asks for a stream, and notes when a caller is gone."""

    def __init__(self) -> None:
        self.gone: asyncio.Queue[float] = asyncio.Queue()
        self.url = ""
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Provider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                body = await reader.readexactly(length)
                if b'"stream":true' in body:
                    await self._stream(reader, writer, notes=b'"watched"' in body)
                    return
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                    % (len(_WHOLE), _WHOLE)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notes: bool) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )

        async def write() -> None:
            while True:
                writer.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
                await asyncio.sleep(0.02)

        writing = asyncio.create_task(write())
        try:
            await reader.read(1)
        except ConnectionError:
            pass  # a reset is an end, too
        finally:
            seen = time.monotonic()
            writing.cancel()
        if notes:
            self.gone.put_nowait(seen)


@asynccontextmanager
async def gateway(provider: str) -> AsyncIterator[tuple[str, int, asyncio.subprocess.Process]]:
    """(key, port, process) of a gateway of its own in front of `provider`."""
    with tempfile.TemporaryDirectory() as home:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.one_gateway", home, provider,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            async with asyncio.timeout(_DEADLINE_S):
                port = int(await process.stdout.readline())
            yield await _issue_key(port), port, process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def ask(port: int, key: str, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request that has been sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request("/openai/v1/chat/completions", key, body))
    return reader, writer


async def measure_aborts(provider: Provider, port: int, key: str, count: int) -> list[float]:
    """Milliseconds from the caller's leaving until the provider sees it; every other caller leaves by a reset."""
    body = b'{"model":"gpt-4o","stream":true,"user":"watched","messages":[{"role":"user","content":"x"}]}'
    taken = []
    for number in range(count):
        reader, writer = await ask(port, key, body)
        await reader.readuntil(b"some text")
        left = time.monotonic()
        if number % 2:
            writer.transport.abort()
        else:
            writer.close()
        async with asyncio.timeout(_DEADLINE_S):
            taken.append((await provider.gone.get() - left) * 1000)
    return taken


@asynccontextmanager
async def others(port: int, key: str, count: int) -> AsyncIterator[None]:
    """So many streams that go on meanwhile."""
    body = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"x"}]}'

    async def read() -> None:
        reader, writer = await ask(port, key, body)
        try:
            while await reader.read(65536):
                pass
        finally:
            writer.close()

    tasks = [asyncio.create_task(read()) for _ in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measure_window(port: int, key: str, count: int, process: asyncio.subprocess.Process) -> list[float]:
    """Microseconds from the last byte of a whole answer to its record in the spool, as the gateway itself noted them."""
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}'
    reader, writer = await ask(port, key, body)
    for number in range(count):
        if number:
            writer.write(_request("/openai/v1/chat/completions", key, body))
        await reader.readuntil(_WHOLE[-20:])
    writer.close()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    async with asyncio.timeout(_DEADLINE_S):
        windows: list[float] = json.loads(await process.stdout.readline())
    return windows


def _request(path: str, key: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _issue_key(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request("/admin/keys", ADMIN_TOKEN, b'{"team":"bench","name":"aborts"}'))
    answer = await reader.readuntil(b"}")
    writer.close()
    key: str = json.loads(answer[answer.index(b"{") :])["key"]
    return key


def row(name: str, values: Sequence[float], unit: str) -> str:
    """A row of the table."""
    figures = " | ".join(f"{percentile(values, share):.2f}" for share in (0.5, 0.99, 1.0))
    return f"| {name} | {len(values)} | {figures} | {unit} |"


async def run(aborts: int) -> list[str]:
    """The table's rows."""
    rows = ["| what | samples | p50 | p99 | worst | |", "|---|---|---|---|---|---|"]
    async with Provider() as provider, gateway(provider.url) as (key, port, process):
        await measure_aborts(provider, port, key, 10)  # warm up
        rows.append(
            row("caller leaves → provider sees it", await measure_aborts(provider, port, key, aborts), "ms")
        )
        async with others(port, key, _OTHERS):
            taken = await measure_aborts(provider, port, key, aborts)
        rows.append(row(f"the same beside {_OTHERS} other streams", taken, "ms"))
        window = await measure_window(port, key, _WHOLE_CALLS, process)
        rows.append(row("last byte read → record in the spool", window[len(window) // 10 :], "µs"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--aborts", type=int, default=_ABORTS)
    print("\n".join(asyncio.run(run(parser.parse_args().aborts))))


if __name__ == "__main__":
    main()
