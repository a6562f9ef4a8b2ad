"""One row to one past call, or a sentence that says what is wrong with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar

import msgspec

from ingest.attribution import DEFAULT_ORG, Attribution
from ingest.errors import InvalidInput
from ingest.events.calls import Call, CallFinished, Origin, Outcome
from ingest.imports import values
from ingest.imports.columns import Columns
from ingest.imports.values import Cell
from ingest.usage import TokenUsage, check_usage

T = TypeVar("T")

_PROVIDERS = (
    (re.compile(r"(chatgpt|gpt|davinci|babbage|dall-e|whisper|tts|sora|computer-use)-|o\d|text-embedding-|codex-"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"((open-)?(mistral|mixtral)|codestral|devstral|magistral|ministral|pixtral|voxtral)-"), "mistral"),
    (re.compile(r"gemini-|gemma-|text-embedding-00"), "gemini"),
)  # fmt: skip
_OUTCOMES = {
    "": Outcome.OK,
    "ok": Outcome.OK,
    "success": Outcome.OK,
    "succeeded": Outcome.OK,
    "error": Outcome.ERROR,
    "failure": Outcome.ERROR,
    "failed": Outcome.ERROR,
    "aborted": Outcome.ABORTED,
    "cancelled": Outcome.ABORTED,
}
_LONGEST_TEXT = 500
_KEY_LIKE = re.compile(r"sk-|Bearer ", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """What the command line says of every row; a text that is set wins over the row's column."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """`model`, `provider`, `team`, `project`, `user`, `key`."""
    zone: tzinfo = UTC
    """Of times that have no offset of their own."""


class PastCall(msgspec.Struct, frozen=True):
    """A call as a row tells it; `finished` names it."""

    row_id: str
    """The row's own id of the call; empty where it has none."""
    started_at: datetime
    who: Attribution
    provider: str
    model: str
    response_model: str
    response_id: str
    operation: str
    is_stream: bool
    outcome: Outcome
    http_status: int
    service_tier: str
    latency_ms: int
    ttft_ms: int | None
    usage: TokenUsage


def read_row(row: Mapping[str, Cell], columns: Columns, given: Given) -> PastCall:
    """The call that `row` tells of; raises InvalidInput that names the field and shows the cell."""
    cells = _Cells(row, columns, given)
    started_at = cells.read("started_at", lambda cell: values.instant(cell, given.zone))
    model = cells.text("model") or cells.text("response_model")
    if not model:
        raise InvalidInput("model: there is none; a column or --model says it")
    provider, model = _provider_of(cells.text("provider"), model)
    outcome, status = cells.read("outcome", _outcome)
    return PastCall(
        row_id=cells.text("call_id"),
        started_at=started_at,
        who=_attribution(cells),
        provider=provider,
        model=model,
        response_model=cells.text("response_model"),
        response_id=cells.text("response_id"),
        operation=cells.text("operation") or "chat",
        is_stream=cells.read("is_stream", values.flag),
        outcome=outcome,
        http_status=status,
        service_tier=cells.text("service_tier"),
        latency_ms=_latency(cells, started_at, given.zone),
        ttft_ms=cells.read("ttft_ms", values.milliseconds),
        usage=_usage(cells),
    )


def finished(past: PastCall, call_id: str) -> CallFinished:
    """The event. It refers to no budget: money that was spent before we governed it is charged to none."""
    call = Call(
        call_id=call_id,
        started_at=past.started_at,
        who=past.who,
        provider=past.provider,
        model=past.model,
        operation=past.operation,
        is_stream=past.is_stream,
        origin=Origin.IMPORT,
    )
    return CallFinished(
        call=call,
        finished_at=past.started_at + timedelta(milliseconds=past.latency_ms),
        outcome=past.outcome,
        http_status=past.http_status,
        latency_ms=past.latency_ms,
        ttft_ms=past.ttft_ms,
        usage=past.usage,
        response_model=past.response_model,
        response_id=past.response_id,
        service_tier=past.service_tier,
    )


class _Cells:
    """Reads fields of one row and says in an error which field it was."""

    def __init__(self, row: Mapping[str, Cell], columns: Columns, given: Given) -> None:
        self._row = row
        self._columns = columns
        self._given = given

    def read(self, name: str, reader: Callable[[Cell], T]) -> T:
        """The field's cell, through `reader`; a field without a column reads as an empty cell."""
        header = self._columns.get(name)
        try:
            return reader(self._row.get(header) if header is not None else None)
        except InvalidInput as reason:
            raise InvalidInput(
                f"{name} (column {header!r}): {reason}" if header else f"{name}: {reason}"
            ) from None

    def text(self, name: str) -> str:
        """What the command line says of the field, else the cell."""
        return self._given.texts.get(name) or self.read(name, _short_text)

    def count(self, name: str) -> int:
        """A count; 0 where there is no column or the cell is empty."""
        return self.read(name, values.count) or 0

    def needed_count(self, name: str) -> int:
        """A count that must be there: nothing said is not the same as 0."""
        found = self.read(name, values.count)
        if found is None:
            raise InvalidInput(f"{name} (column {self._columns.get(name)!r}): the cell is empty")
        return found

    def has(self, name: str) -> bool:
        return name in self._columns


def _short_text(cell: Cell) -> str:
    written = values.text(cell)
    if len(written) > _LONGEST_TEXT:
        raise InvalidInput(f"{len(written)} characters; a name has at most {_LONGEST_TEXT}")
    return written


def _attribution(cells: _Cells) -> Attribution:
    key_id = cells.text("key")
    if _KEY_LIKE.match(key_id):
        raise InvalidInput("key: this looks like a key; only a key's id or name may be recorded")
    return Attribution(
        org=cells.text("org") or DEFAULT_ORG,
        team=cells.text("team"),
        project=cells.text("project"),
        key_id=key_id,
        user=cells.text("user"),
        tags=cells.read("tags", values.tags),
    )


def _provider_of(provider: str, model: str) -> tuple[str, str]:
    """Provider and model: as said, as `provider/model`, or by the public names of the four providers' models."""
    if provider:
        return provider.lower(), model
    head, slash, rest = model.partition("/")
    if slash and head and rest:
        return head.lower(), rest
    for pattern, name in _PROVIDERS:
        if pattern.match(model):
            return name, model
    raise InvalidInput(f"provider: {model!r} tells none; a column or --provider says it")


def _outcome(cell: Cell) -> tuple[Outcome, int]:
    """An outcome and an HTTP status (0: not known), from a word or from a status."""
    written = values.text(cell).lower()
    if re.fullmatch(r"[1-5]\d\d", written):
        status = int(written)
        return (Outcome.OK if status < 400 else Outcome.ERROR), status
    if written not in _OUTCOMES:
        raise InvalidInput(f"{written!r} is no HTTP status and none of {', '.join(filter(None, _OUTCOMES))}")
    outcome = _OUTCOMES[written]
    return outcome, 200 if outcome is Outcome.OK else 0


def _latency(cells: _Cells, started_at: datetime, zone: tzinfo) -> int:
    """Milliseconds; 0 where nothing tells it."""
    latency = cells.read("latency_ms", values.milliseconds)
    if latency is not None:
        return latency
    ended = cells.read("finished_at", lambda cell: values.instant(cell, zone) if values.text(cell) else None)
    if ended is None:
        return 0
    if ended < started_at:
        raise InvalidInput(f"finished_at: {ended.isoformat()} is before started_at, {started_at.isoformat()}")
    return (ended - started_at) // timedelta(milliseconds=1)


def _usage(cells: _Cells) -> TokenUsage:
    long_write = cells.count("cache_write_1h_tokens")
    write = (
        cells.count("cache_write_tokens")
        if cells.has("cache_write_tokens")
        else long_write + cells.count("cache_write_5m_tokens")
    )
    read = cells.count("cache_read_tokens")
    if cells.has("input_tokens"):
        total_input = cells.needed_count("input_tokens")
    else:
        total_input = cells.needed_count("uncached_input_tokens") + read + write
    return check_usage(
        TokenUsage(
            input_tokens=total_input,
            cache_read_tokens=read,
            cache_write_tokens=write,
            cache_write_1h_tokens=long_write,
            audio_input_tokens=cells.count("audio_input_tokens"),
            output_tokens=cells.needed_count("output_tokens") if cells.has("output_tokens") else 0,
            reasoning_tokens=cells.count("reasoning_tokens"),
            audio_output_tokens=cells.count("audio_output_tokens"),
        )
    )
