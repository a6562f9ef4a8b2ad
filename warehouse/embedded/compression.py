"""Bodies in and out: gzip, deflate, lz4 frames and zstd, bounded, so that a small body cannot become a huge one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.frame
import zstandard

from warehouse.embedded.errors import ClickHouseError, Code

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 3
_PIECE = 1024**2
_ZSTD_STEP = 1024  # this decoder bounds no output: at most 44 MiB come out of so much


class Encoder(Protocol):
    """Compresses a body piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """What can be sent so far; may be empty."""
        ...

    def finish(self) -> bytes:
        """The rest."""
        ...


class _Plain:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._object = zlib.compressobj(_LEVEL, zlib.DEFLATED, window_bits)

    def feed(self, data: bytes) -> bytes:
        return self._object.compress(data)

    def finish(self) -> bytes:
        return self._object.flush()


class _Lz4:
    def __init__(self) -> None:
        self._object = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        begin = b"" if self._begun else bytes(self._object.begin())
        self._begun = True
        return begin + bytes(self._object.compress(data))

    def finish(self) -> bytes:
        return self.feed(b"") + bytes(self._object.flush())


class _Zstd:
    def __init__(self) -> None:
        self._object = zstandard.ZstdCompressor(1).compressobj()

    def feed(self, data: bytes) -> bytes:
        return self._object.compress(data)

    def finish(self) -> bytes:
        return self._object.flush()


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4,
    "zstd": _Zstd,
    "gzip": lambda: _Zlib(_GZIP),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
}
"""In the order of preference, cheapest first."""


def choose_encoder(accepted: str) -> tuple[str | None, Encoder]:
    """The name for Content-Encoding and the encoder, by what an Accept-Encoding header allows; None is plain."""
    offers = [offer.strip().lower().split(";") for offer in accepted.split(",")]
    allowed = {offer[0].strip() for offer in offers if "q=0" not in (word.strip() for word in offer[1:])}
    for name, make in _ENCODERS.items():
        if name in allowed:
            return name, make()
    return None, _Plain()


def decompress(body: bytes, encodings: str, limit: int) -> bytes:
    """The body behind a Content-Encoding header.

    Raises ClickHouseError: 48 for an encoding that is not known, 271 for a body that is damaged or cut short, 229 for
    one of more than `limit` bytes.
    """
    for name in reversed([part.strip().lower() for part in encodings.split(",")]):
        if name in ("", "identity"):
            continue
        decode = _DECODERS.get(name)
        if decode is None:
            known = ", ".join(sorted(_DECODERS))
            raise ClickHouseError(
                Code.NOT_IMPLEMENTED, f"Content-Encoding {name} is not supported, there are {known}"
            )
        try:
            body = decode(body, limit)
        except (zlib.error, RuntimeError, EOFError, zstandard.ZstdError) as error:
            raise ClickHouseError(
                Code.CANNOT_DECOMPRESS, f"the body is no whole {name} stream: {error}"
            ) from None
    return body


def too_large(limit: int) -> ClickHouseError:
    """The error for a body above the limit."""
    return ClickHouseError(
        Code.QUERY_IS_TOO_LARGE,
        f"the request body is larger than the limit of {limit:,} bytes; send it in parts",
    )


class _Bounded:
    """Collects pieces up to a limit."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._limit = limit
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._limit)
        self._pieces.append(piece)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


def _inflate(body: bytes, limit: int, window_bits: int) -> bytes:
    out = _Bounded(limit)
    while body:
        stream = zlib.decompressobj(window_bits)
        while not stream.eof:
            piece = stream.decompress(body, _PIECE)
            body = stream.unconsumed_tail
            if not piece and not body and not stream.eof:
                raise EOFError("it ends too early")
            out.add(piece)
        body = stream.unused_data
    return out.whole()


def _decode_lz4(body: bytes, limit: int) -> bytes:
    out = _Bounded(limit)
    while body:
        stream = lz4.frame.LZ4FrameDecompressor()
        piece = stream.decompress(body, max_length=_PIECE)
        while not stream.eof:
            out.add(piece)
            if stream.needs_input:
                raise EOFError("it ends too early")
            piece = stream.decompress(b"", max_length=_PIECE)
        out.add(piece)
        body = stream.unused_data or b""
    return out.whole()


def _decode_zstd(body: bytes, limit: int) -> bytes:
    out, view, at = _Bounded(limit), memoryview(body), 0
    while at < len(view):
        stream = zstandard.ZstdDecompressor().decompressobj()
        while not stream.eof:
            if at >= len(view):
                raise EOFError("it ends too early")
            out.add(stream.decompress(view[at : at + _ZSTD_STEP]))
            at += _ZSTD_STEP
        at = min(at, len(view)) - len(stream.unused_data)
    return out.whole()


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": lambda body, limit: _inflate(body, limit, _GZIP),
    "deflate": lambda body, limit: _inflate(body, limit, zlib.MAX_WBITS),
    "lz4": _decode_lz4,
    "zstd": _decode_zstd,
}
