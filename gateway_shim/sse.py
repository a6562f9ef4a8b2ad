"""Server-sent events (WHATWG HTML, section 9.2) split while they pass, byte for byte.

An event ends with an empty line; lines end with LF, CRLF or CR. The splitter gives out events with all their bytes, so
that joining what it gave out and what is left is the stream.
"""

from __future__ import annotations

import re

# Two line ends in a row. A trailing CR may be half a CRLF: the search waits for the byte after it.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?=[^\n]))")
_LINE = re.compile(rb"\r\n|\n|\r")
LARGEST_EVENT_BYTES = 64 * 1024 * 1024


class SseSplitter:
    """Incremental: `feed` chunks as they come, `rest` at the end."""

    def __init__(self, largest_event_bytes: int = LARGEST_EVENT_BYTES) -> None:
        self._held = b""
        self._searched = 0
        self._largest = largest_event_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes, each with the empty line that ends it."""
        data = self._held + chunk if self._held else chunk
        events: list[bytes] = []
        start = 0
        search = self._searched
        while match := _END.search(data, search):
            events.append(data[start : match.end()])
            start = search = match.end()
        self._held = data[start:]
        if len(self._held) > self._largest:
            # No provider's event is so large: let it pass unread rather than hold it.
            events.append(self._held)
            self._held = b""
        # An end is at most four bytes long, so all but the last three are known to hold none.
        self._searched = max(0, len(self._held) - 3)
        return events

    def rest(self) -> bytes:
        """What came after the last complete event."""
        held, self._held, self._searched = self._held, b"", 0
        return held


def event_data(event: bytes) -> bytes:
    """The data of an event: its `data` fields, joined by LF; empty for comments and other events without data."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2 and b"\r" not in event:
        return event[6:-2]  # the usual shape: one line
    lines = []
    for line in _LINE.split(event):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line.startswith(b"data: ") else line[5:])
    return b"\n".join(lines)
