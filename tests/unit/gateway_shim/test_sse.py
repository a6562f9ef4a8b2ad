"""Server-sent events: the shapes that providers send."""

from __future__ import annotations

import pytest

from gateway_shim.sse import SseSplitter, event_data


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"])
def test_an_event_ends_with_an_empty_line(end: bytes) -> None:
    splitter = SseSplitter()
    assert splitter.feed(b"data: 1" + end + b"data: 2") == [b"data: 1" + end]
    assert splitter.rest() == b"data: 2"


def test_half_a_line_end_is_waited_for() -> None:
    splitter = SseSplitter()
    assert splitter.feed(b"data: 1\r\n\r") == []
    assert splitter.feed(b"\ndata: 2\r") == [b"data: 1\r\n\r\n"]
    assert splitter.feed(b"\n\r\n") == [b"data: 2\r\n\r\n"]


def test_an_event_beyond_the_limit_passes_unread() -> None:
    splitter = SseSplitter(largest_event_bytes=10)
    assert splitter.feed(b"data: 12345678") == [b"data: 12345678"]
    assert splitter.feed(b"\n\ndata: 1\n\n") == [b"\n\n", b"data: 1\n\n"]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: {}\n\n", b"{}"),
        (b"data:{}\r\n\r\n", b"{}"),
        (b"event: x\ndata: {}\nid: 1\n\n", b"{}"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data: a\rdata: b\n\n", b"a\nb"),
        (b": comment\n\n", b""),
        (b"\n\n", b""),
        (b"data: a\n", b"a"),
        (b"data: a", b"a"),
    ],
)
def test_data_of_an_event(event: bytes, data: bytes) -> None:
    assert event_data(event) == data
