"""Undoing a content encoding in order to read an answer. What the caller gets is never touched.

Answers are asked for without encoding; a provider that encodes nevertheless is read all the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

Decoder = Callable[[bytes], bytes]


class CannotDecode(ValueError):
    """The bytes are not what the encoding says, or the encoding is none that we know."""


def decoder_of(content_encoding: str) -> Decoder:
    """A decoder that takes the bytes as they come."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return _as_it_is
        case "gzip" | "x-gzip":
            return _guarded(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress)
        case "deflate":
            return _guarded(zlib.decompressobj().decompress)
        case "zstd":
            return _guarded(zstandard.ZstdDecompressor().decompressobj().decompress)
        case other:
            return _unknown(other)


def _as_it_is(data: bytes) -> bytes:
    return data


def _guarded(decompress: Decoder) -> Decoder:
    def decode(data: bytes) -> bytes:
        try:
            return decompress(data)
        except (zlib.error, zstandard.ZstdError) as reason:
            raise CannotDecode(str(reason)) from reason

    return decode


def _unknown(name: str) -> Decoder:
    def refuse(_data: bytes) -> bytes:
        raise CannotDecode(f"content-encoding {name}")

    return refuse
