"""The client towards the providers: one session, tuned to add nothing and take nothing away."""

from __future__ import annotations

import asyncio
from functools import lru_cache

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict
from typing_extensions import override
from yarl import URL

_IDLE_S = 30.0
_PIECE_BYTES = 256 * 1024
_SMALL_BYTES = 512 * 1024


class LargeBody(aiohttp.Payload):
    """A large body handed over in pieces, so that writing it does not hold up everybody else."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = body
        self._size = len(body)

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._body.decode(encoding, errors)

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        view = memoryview(self._body)
        for start in range(0, len(view), _PIECE_BYTES):
            await writer.write(bytes(view[start : start + _PIECE_BYTES]))


class Upstream:
    """Use as an async context manager. `silence_s` is the longest wait for the next byte of an answer, seconds."""

    def __init__(self, silence_s: float, connect_s: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=silence_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Upstream:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
            timeout=self._timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            # TLS connections say goodbye on the next turn of the loop.
            await asyncio.sleep(0)

    async def send(
        self, method: str, base_url: str, path_and_query: str, headers: CIMultiDict[str], body: bytes
    ) -> aiohttp.ClientResponse:
        """The answer, its body not read yet. Close or release it. Raises aiohttp.ClientError, TimeoutError, OSError."""
        assert self._session is not None, "enter the context first"
        return await self._session.request(
            method,
            _url(base_url, path_and_query),
            data=LargeBody(body) if len(body) > _SMALL_BYTES else (body or None),
            headers=headers,
            allow_redirects=False,
        )


@lru_cache(maxsize=2048)
def _url(base_url: str, path_and_query: str) -> URL:
    return URL(base_url + path_and_query, encoded=True)
