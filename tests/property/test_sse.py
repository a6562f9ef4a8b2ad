"""The splitter loses nothing and its events do not depend on how the stream was cut."""

from __future__ import annotations

from hypothesis import given, strategies as st

from gateway_shim.sse import SseSplitter, event_data

# Bytes that matter to the splitter, in every mixture.
streams = st.lists(
    st.sampled_from(
        [b"data: x", b"data:y", b": c", b"event: e", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\xff"]
    ),
    max_size=30,
).map(b"".join)


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(stream) + 1) for cut in cuts})
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


def _split(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    splitter = SseSplitter()
    events = [event for chunk in chunks for event in splitter.feed(chunk)]
    return events, splitter.rest()


@given(streams, st.lists(st.integers(0, 1000), max_size=20))
def test_any_cut_gives_the_same_events_and_every_byte(stream: bytes, cuts: list[int]) -> None:
    whole = _split([stream])
    assert _split(_cut(stream, cuts)) == whole
    events, rest = whole
    assert b"".join(events) + rest == stream


@given(streams)
def test_byte_by_byte_too(stream: bytes) -> None:
    assert _split([bytes([byte]) for byte in stream]) == _split([stream])


lines = st.lists(
    st.binary(max_size=12).filter(lambda b: b"\n" not in b and b"\r" not in b), min_size=1, max_size=4
)


@given(lines, st.sampled_from([b"\n", b"\r\n"]), st.sampled_from([b"data:", b"data: "]))
def test_data_comes_out_as_it_was_put_in(data: list[bytes], end: bytes, field: bytes) -> None:
    data = [line for line in data if not (field == b"data:" and line.startswith(b" "))] or [b"x"]
    event = b"event: e" + end + b"".join(field + line + end for line in data) + end
    assert event_data(event) == b"\n".join(data)
    if len(data) == 1:
        assert event_data(field + data[0] + end + end) == data[0]
