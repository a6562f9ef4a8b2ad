"""Events to bytes and back: one CloudEvents 1.0 envelope in structured JSON (spec, section 3; JSON format, section 3).

`type` names the class, `dataschema` its version. Decimals travel as texts, instants as RFC 3339. Events of older
versions are read for ever (`ingest.upcasting`). A reader that meets a type it does not know, a newer version, or anything
that is no such envelope, raises DecodeError with the reason.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple, get_type_hints

import msgspec

from ingest.clock import Instant
from ingest.errors import DecodeError, InvalidInput
from ingest.events.calls import CallFinished, CallStarted, GatewayRetired
from ingest.events.charges import BudgetCharge
from ingest.events.checks import check_event
from ingest.events.costs import CallCosted, CostCorrected
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved
from ingest.events.governance import GovernanceEvent
from ingest.events.states import BudgetStateChanged
from ingest.upcasting import current_version, upcast

Event = (
    CallStarted
    | CallFinished
    | GatewayRetired
    | CallCosted
    | CostCorrected
    | BudgetCharge
    | BudgetStateChanged
    | GovernanceEvent
    | DeadLetter
    | DeadLetterFixed
    | DeadLetterResolved
)

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON of the wanted shape; the last for one that is nested too deeply."""
_NUMBER = re.compile("[0-9]{1,9}")
_TYPE_PREFIX = "spendstream."
_SCHEMA_PREFIX = "urn:spendstream:event:"
_CLASSES: tuple[type[Any], ...] = Event.__args__


class Envelope(msgspec.Struct, frozen=True):
    """An event as read: its identity, who said it, when, about what, and the event itself in `data`."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str
    data: Event


class _Wire(msgspec.Struct, frozen=True):
    id: str
    source: str
    type: str
    time: Instant
    dataschema: str
    data: msgspec.Raw
    subject: str = ""
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


_ENCODER = msgspec.json.Encoder(decimal_format="string", order=None)
_WIRE = msgspec.json.Decoder(_Wire)
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    _TYPE_PREFIX + cls.__name__: msgspec.json.Decoder(cls) for cls in _CLASSES
}


class _Written(msgspec.Struct, frozen=True):
    """`_Wire` with the event itself in place of its bytes."""

    id: str
    source: str
    type: str
    time: datetime
    dataschema: str
    data: Any
    subject: str
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


def _read_at_once(cls: type[Any]) -> msgspec.json.Decoder[Any]:
    """A decoder of the envelope and an event of `cls` in one go."""
    fields = [
        ("data", cls) if name == "data" else (name, kind)
        for name, kind in get_type_hints(_Wire, include_extras=True).items()
    ]
    given = {"subject": "", "specversion": "1.0", "datacontenttype": "application/json"}
    typed = msgspec.defstruct(
        f"_{cls.__name__}Wire",
        [(name, kind, given[name]) if name in given else (name, kind) for name, kind in fields],
        frozen=True,
        namespace={"__module__": __name__},
    )
    return msgspec.json.Decoder(typed)


class _Known(NamedTuple):
    """What is known of a class of events: its type, its current schema, and how to read it in one go."""

    type: str
    schema: str
    decoder: msgspec.json.Decoder[Any]


_KNOWN: dict[str, _Known] = {
    cls.__name__: _Known(
        _TYPE_PREFIX + cls.__name__,
        f"{_SCHEMA_PREFIX}{cls.__name__}:{current_version(cls.__name__)}",
        _read_at_once(cls),
    )
    for cls in _CLASSES
}
_KNOWN_BYTES: dict[bytes, _Known] = {name.encode(): known for name, known in _KNOWN.items()}
_TYPE_MARK = b'"type":"' + _TYPE_PREFIX.encode()


def encode_event(event: Event, *, id: str, source: str, time: datetime, subject: str = "") -> bytes:
    """The envelope around `event`. `id` with `source` is the identity by which a repeated send is recognised."""
    known = _KNOWN[type(event).__name__]
    return _ENCODER.encode(_Written(id, source, known.type, time, known.schema, event, subject))


def decode_event(value: bytes | None) -> Envelope:
    """Raises DecodeError, whose text says what was wrong, for anything but an event of a type and version we know."""
    if value is None:
        raise DecodeError("the record has no value (a tombstone)")
    wire = _decoded_at_once(value)
    if wire is None:
        return _decode_in_steps(value)
    try:
        check_event(wire.data)
    except InvalidInput as reason:
        raise DecodeError(f"{wire.type}: {reason}") from None
    return Envelope(wire.id, wire.source, wire.type, wire.time, wire.subject, wire.data)


def _decoded_at_once(value: bytes) -> Any:
    """The envelope of an event as we write it today, whose type stands where we write it; None for anything else. A mark
    that was found inside of the data is recognised by the type that was read."""
    start = value.find(_TYPE_MARK) + len(_TYPE_MARK)
    known = _KNOWN_BYTES.get(value[start : value.find(b'"', start)])
    if known is None:
        return None
    try:
        wire = known.decoder.decode(value)
    except NOT_JSON:
        return None
    as_today = wire.type == known.type and wire.dataschema == known.schema and wire.specversion == "1.0"
    return wire if as_today else None


def _decode_in_steps(value: bytes) -> Envelope:
    """Older versions, and the reason for what cannot be read."""
    try:
        wire = _WIRE.decode(value)
    except NOT_JSON as reason:
        raise DecodeError(f"no CloudEvents envelope: {reason}") from None
    decoder = _DECODERS.get(wire.type)
    if decoder is None:
        raise DecodeError(f"unknown event type {wire.type!r}")
    version = _version(wire)
    name = wire.type.removeprefix(_TYPE_PREFIX)
    try:
        data = decoder.decode(
            wire.data if version == current_version(name) else upcast(name, version, wire.data)
        )
        check_event(data)
    except (*NOT_JSON, InvalidInput) as reason:
        raise DecodeError(f"{wire.type}: {reason}") from None
    return Envelope(wire.id, wire.source, wire.type, wire.time, wire.subject, data)


def _version(wire: _Wire) -> int:
    if wire.specversion != "1.0":
        raise DecodeError(f"CloudEvents specversion {wire.specversion!r} is not 1.0")
    head, _, version = wire.dataschema.rpartition(":")
    if not head.startswith(_SCHEMA_PREFIX) or not _NUMBER.fullmatch(version):
        raise DecodeError(f"dataschema {wire.dataschema!r} is none of ours")
    newest = current_version(wire.type.removeprefix(_TYPE_PREFIX))
    if not 1 <= int(version) <= newest:
        raise DecodeError(f"{wire.type} has version {version}; this process reads up to {newest}")
    return int(version)
