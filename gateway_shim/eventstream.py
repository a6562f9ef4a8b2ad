"""Amazon's event stream encoding (`application/vnd.amazon.eventstream`) split while it passes, byte for byte.

A message is: total length and headers' length (4 bytes each, big-endian), CRC-32 of these 8 bytes, headers, payload,
CRC-32 of everything before. A header is: length of the name (1 byte), name, type (1 byte), value. Specification:
docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html; value types: smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_OVERHEAD = _PRELUDE.size + _CRC.size
LARGEST_MESSAGE_BYTES = 24 * 1024 * 1024
"""What the specification allows: 16 MiB of payload, 128 KiB of headers, and room."""
_TEXT = 7
# Type of a value -> its size; texts and bytes (6, 7) say their own.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_WITH_LENGTH = (6, _TEXT)


class BadEventStream(ValueError):
    """The bytes are no event stream, or were damaged; the message says where."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Only headers that are texts are kept; no others are in use."""

    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""


class EventStreamSplitter:
    """Incremental: `feed` chunks as they come; what `feed` holds back is the beginning of the next message."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes. Raises BadEventStream; nothing can be read after that."""
        self._held += chunk
        messages = []
        while len(self._held) >= _PRELUDE.size:
            total, headers_length, crc = _PRELUDE.unpack_from(self._held)
            if zlib.crc32(self._held[:8]) != crc:
                raise BadEventStream("the checksum of a message's beginning does not fit")
            if not _OVERHEAD + headers_length <= total <= LARGEST_MESSAGE_BYTES:
                raise BadEventStream(f"a message of {total} bytes with {headers_length} bytes of headers")
            if len(self._held) < total:
                break
            messages.append(_message(bytes(self._held[:total]), headers_length))
            del self._held[:total]
        return messages

    @property
    def held_bytes(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._held)


def encode_message(message: Message) -> bytes:
    """The bytes of a message whose headers are all texts."""
    headers = b"".join(
        bytes([len(name.encode())])
        + name.encode()
        + bytes([_TEXT])
        + len(value.encode()).to_bytes(2, "big")
        + value.encode()
        for name, value in message.headers.items()
    )
    lengths = struct.pack(">II", _OVERHEAD + len(headers) + len(message.payload), len(headers))
    body = lengths + _CRC.pack(zlib.crc32(lengths)) + headers + message.payload
    return body + _CRC.pack(zlib.crc32(body))


def _message(data: bytes, headers_length: int) -> Message:
    (crc,) = _CRC.unpack_from(data, len(data) - _CRC.size)
    if zlib.crc32(data[: -_CRC.size]) != crc:
        raise BadEventStream("the checksum of a message does not fit")
    start = _PRELUDE.size
    end = start + headers_length
    return Message(_headers(data[start:end]), data[end : -_CRC.size])


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    try:
        while position < len(data):
            name_end = position + 1 + data[position]
            name, kind = data[position + 1 : name_end].decode(), data[name_end]
            start = name_end + 1
            if kind in _WITH_LENGTH:
                start += 2
                end = start + int.from_bytes(data[start - 2 : start], "big")
            else:
                end = start + _SIZES[kind]
            if end > len(data):
                raise BadEventStream("a header is longer than the headers are")
            if kind == _TEXT:
                found[name] = data[start:end].decode()
            position = end
    except (IndexError, KeyError, UnicodeDecodeError) as reason:
        raise BadEventStream(f"a header cannot be read: {reason!r}") from reason
    return found
