"""Amazon's event stream encoding: whatever the pieces, the messages are those that were written; damage is always seen."""

from __future__ import annotations

import itertools
import struct
import zlib

import pytest
from hypothesis import given, strategies as st

from gateway_shim.binary_reading import EventStreamReader
from gateway_shim.eventstream import BadEventStream, EventStreamSplitter, Message, encode_message

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
messages = st.builds(
    Message,
    st.dictionaries(names, st.text(st.characters(codec="utf-8"), max_size=30), max_size=4),
    st.binary(max_size=60),
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(written=st.lists(messages, max_size=5), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_messages_come_out_as_they_went_in(written: list[Message], cuts: list[int]) -> None:
    data = b"".join(map(encode_message, written))
    splitter = EventStreamSplitter()
    read = [message for piece in pieces(data, cuts) for message in splitter.feed(piece)]
    assert read == written
    assert splitter.held_bytes == 0


@given(message=messages, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_single_wrong_bit_is_seen(message: Message, at: int, bit: int) -> None:
    data = bytearray(encode_message(message))
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(BadEventStream):
        EventStreamSplitter().feed(bytes(data) + bytes(32))


@given(junk=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_every_byte_goes_on_whatever_it_is(junk: bytes, cuts: list[int]) -> None:
    reader = EventStreamReader(lambda _: None)
    assert b"".join(reader.feed(piece) for piece in pieces(junk, cuts)) + reader.end() == junk


def test_an_exception_and_what_is_no_json_are_told_apart() -> None:
    seen: list[object] = []
    reader = EventStreamReader(seen.append)
    error = Message(
        {":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"slow"}'
    )
    reader.feed(encode_message(error) + encode_message(Message({":event-type": "chunk"}, b"no json")))
    assert seen == [{"exception": {"type": "throttlingException"}}, {}]


def test_values_that_are_no_texts_are_passed_over() -> None:
    # bool, byte, short, int, long, bytes, time, uuid; then a text (smithy.io, Amazon event stream, headers)
    values = [b"\x00", b"\x02\x01", b"\x03\x00\x01", b"\x04" + bytes(4), b"\x05" + bytes(8), b"\x06\x00\x02ab",
              b"\x08" + bytes(8), b"\x09" + bytes(16), b"\x07\x00\x01v"]  # fmt: skip
    headers = b"".join(bytes([1]) + bytes([97 + place]) + value for place, value in enumerate(values))
    plain = encode_message(Message({}, b""))
    assert EventStreamSplitter().feed(plain) == [Message({}, b"")]
    assert EventStreamSplitter().feed(_with_headers(headers)) == [Message({"i": "v"}, b"")]
    with pytest.raises(BadEventStream, match="header"):
        EventStreamSplitter().feed(_with_headers(headers[:-1]))


def _with_headers(headers: bytes) -> bytes:
    lengths = struct.pack(">II", 16 + len(headers), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers
    return body + struct.pack(">I", zlib.crc32(body))
