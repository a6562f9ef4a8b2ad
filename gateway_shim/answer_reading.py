"""Reading an answer while its bytes pass: a whole JSON body, a stream of events, or bytes that tell nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
from pydantic_core import from_json

from gateway_shim.binary_reading import EventStreamReader, HoldingReader, TextReader
from gateway_shim.decoding import CannotDecode, decoder_of
from gateway_shim.estimate import answer_texts
from gateway_shim.formats.answer import Answer, Format
from gateway_shim.formats.openai_chat import is_usage_only
from gateway_shim.sse import SseSplitter, event_data
from ingest.codec import NOT_JSON

_LOG = logging.getLogger(__name__)
_DONE = b"[DONE]"
_LARGEST_ARRAY_BYTES = 64 * 1024 * 1024


class AnswerReader(Protocol):
    """Takes an answer's bytes as they come and says which of them go on to the caller, when."""

    def feed(self, chunk: bytes) -> bytes:
        """What goes on now."""
        ...

    def end(self) -> bytes:
        """What is left to go on after the last chunk."""
        ...


def reader_of(
    answer: Answer, format: Format, content_type: str, encoding: str, withholds: bool
) -> AnswerReader:
    """The reader for a streamed answer."""
    if content_type.startswith("text/event-stream"):
        if withholds and encoding in ("", "identity"):
            return WithholdingReader(answer, format)
        return EventReader(answer, format, encoding)
    if content_type.startswith("application/json"):
        return ArrayReader(answer, format, encoding)
    if content_type.startswith("application/vnd.amazon.eventstream"):
        return EventStreamReader(lambda part: _see(format.see_event, answer, part))
    if content_type.startswith("text/") and format.see_text is not None:
        return TextReader(answer, format.see_text, decoder_of(encoding))
    return PassingReader(answer)


def read_whole(answer: Answer, format: Format, body: bytes, encoding: str) -> None:
    """Learn what a whole body tells; one that cannot be read tells nothing."""
    try:
        decoded = msgspec.json.decode(decoder_of(encoding)(body))
    except (*NOT_JSON, CannotDecode) as reason:
        _LOG.warning("an answer of %s cannot be read: %s", format.operation, reason)
        return
    for part in decoded if isinstance(decoded, list) else [decoded]:
        _see(format.see_body, answer, part)
    if answer.usage is None and not answer.text.total_bytes:
        answer.add_text(*answer_texts(decoded))


def read_beginning(answer: Answer, body: bytes, encoding: str) -> None:
    """Learn from a whole answer that broke off: its texts so far, and who gave it. A count may be cut in the middle of its
    digits, so none is believed."""
    try:
        text = decoder_of(encoding)(body)
        begun = from_json(text, allow_partial="trailing-strings")
        complete = from_json(text, allow_partial=True)
    except (ValueError, RecursionError):
        return  # not even the beginning of an answer
    if isinstance(complete, dict):
        answer.name(complete)
        answer.name(complete, "modelVersion", "responseId")
    answer.add_text(*answer_texts(begun))


class PassingReader:
    """For content that has nothing to tell (audio, files)."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def end(self) -> bytes:
        self._answer.is_over = True
        return b""


class EventReader:
    """Reads events; every byte goes on at once."""

    def __init__(self, answer: Answer, format: Format, encoding: str = "") -> None:
        self._answer = answer
        self._format = format
        self._decode = decoder_of(encoding)
        self._splitter = SseSplitter()
        self._is_readable = True

    def feed(self, chunk: bytes) -> bytes:
        if self._is_readable:
            try:
                events = self._splitter.feed(self._decode(chunk))
            except CannotDecode as reason:
                _LOG.warning("a stream of %s cannot be read: %s", self._format.operation, reason)
                self._is_readable = False
                return chunk
            for event in events:
                see_event(self._answer, self._format, event)
        return chunk

    def end(self) -> bytes:
        see_event(self._answer, self._format, self._splitter.rest())
        if not self._format.tells_end:
            self._answer.is_over = True
        return b""


class WithholdingReader:
    """Reads events and keeps back the usage chunk that the caller did not ask for; bytes go on by whole events."""

    def __init__(self, answer: Answer, format: Format) -> None:
        self._answer = answer
        self._format = format
        self._splitter = SseSplitter()

    def feed(self, chunk: bytes) -> bytes:
        return b"".join([event for event in self._splitter.feed(chunk) if self._goes_on(event)])

    def end(self) -> bytes:
        rest = self._splitter.rest()
        return rest if self._goes_on(rest) else b""

    def _goes_on(self, event: bytes) -> bool:
        data = see_event(self._answer, self._format, event)
        return data is None or not is_usage_only(data)


class ArrayReader(HoldingReader):
    """Reads a stream that is one JSON array, element by element (Gemini without `alt=sse`); bytes go on at once."""

    def __init__(self, answer: Answer, format: Format, encoding: str = "") -> None:
        what = f"a stream of {format.operation}"
        super().__init__(self._see_elements, decoder_of(encoding), what, _LARGEST_ARRAY_BYTES)
        self._answer = answer
        self._format = format

    def _see_elements(self, text: str) -> None:
        # A server that does not stream answers with one object as if nobody had asked it to.
        see = self._format.see_body if text.lstrip().startswith("{") else self._format.see_event
        for element in _elements(text):
            _see(see, self._answer, element)


def see_event(answer: Answer, format: Format, event: bytes) -> dict[str, Any] | None:
    """Learn from one event; its data, if that is a JSON object."""
    data = event_data(event)
    if not data or data == _DONE:
        return None
    try:
        decoded = msgspec.json.decode(data)
    except NOT_JSON:
        return None
    _see(format.see_event, answer, decoded)
    return decoded if isinstance(decoded, dict) else None


def _see(see: Any, answer: Answer, part: object) -> None:
    """An answer in a shape that we did not expect tells nothing, and passes all the same."""
    if not isinstance(part, dict):
        return
    try:
        see(answer, part)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as reason:
        _LOG.warning("a part of an answer has an unexpected shape: %r", reason)


def _elements(text: str) -> Iterator[object]:
    """The complete elements of a JSON array that may break off; a single object is its own element."""
    decoder = json.JSONDecoder()
    position = 0
    while True:
        while position < len(text) and text[position] in " \t\r\n,[":
            position += 1
        try:
            element, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield element
