"""Reading answers that are neither JSON nor server-sent events while they pass: Amazon's event streams, plain text."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from gateway_shim.decoding import CannotDecode, Decoder
from gateway_shim.eventstream import BadEventStream, EventStreamSplitter, Message
from gateway_shim.formats.answer import Answer
from ingest.codec import NOT_JSON

_LOG = logging.getLogger(__name__)
_LONGEST_TEXT = 16 * 1024 * 1024


class EventStreamReader:
    """Gives each message to `see` as {its type: its payload}; every byte goes on at once, readable or not."""

    def __init__(self, see: Callable[[object], None]) -> None:
        self._see = see
        self._splitter = EventStreamSplitter()
        self._is_readable = True

    def feed(self, chunk: bytes) -> bytes:
        if self._is_readable:
            try:
                for message in self._splitter.feed(chunk):
                    self._see(_as_object(message))
            except BadEventStream as reason:
                _LOG.warning("an event stream cannot be read: %s", reason)
                self._is_readable = False
        return chunk

    def end(self) -> bytes:
        return b""


class HoldingReader:
    """Keeps a text, up to `most_bytes`, and gives it to `read` at its end; every byte goes on at once. `what` names the
    text where it cannot be decoded."""

    def __init__(self, read: Callable[[str], None], decode: Decoder, what: str, most_bytes: int) -> None:
        self._read = read
        self._decode = decode
        self._what = what
        self._most_bytes = most_bytes
        self._held = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        if len(self._held) < self._most_bytes:
            self._held += chunk
        return chunk

    def end(self) -> bytes:
        try:
            text = self._decode(bytes(self._held)).decode(errors="replace")
        except CannotDecode as reason:
            _LOG.warning("%s cannot be read: %s", self._what, reason)
            return b""
        self._read(text)
        return b""


class TextReader(HoldingReader):
    """Gives a plain text to `see`."""

    def __init__(self, answer: Answer, see: Callable[[Answer, str], None], decode: Decoder) -> None:
        super().__init__(lambda text: see(answer, text), decode, "a text", _LONGEST_TEXT)


def _as_object(message: Message) -> dict[str, object]:
    headers = message.headers
    if headers.get(":message-type", "event") != "event":
        return {
            "exception": {"type": headers.get(":exception-type") or headers.get(":error-code") or "error"}
        }
    try:
        payload = msgspec.json.decode(message.payload)
    except NOT_JSON:
        return {}
    return {headers.get(":event-type", ""): payload}
