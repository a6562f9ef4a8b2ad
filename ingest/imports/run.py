"""From a file to the log: look at every row first, then publish.

Both passes read the file anew, so that no file is too large. Publishing again what was published before is harmless:
the ids are the same, and a reader counts an id once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ingest.clock import Clock
from ingest.codec import encode_event
from ingest.errors import InvalidInput, LogUnavailable
from ingest.events.calls import CallFinished
from ingest.imports.columns import Columns, resolve_columns
from ingest.imports.files import OnBytes, Row, read_rows
from ingest.imports.identity import Identities
from ingest.imports.rows import Given, finished, read_row
from ingest.log import EventPublisher, Outgoing
from ingest.topics import TopicName

LATE = timedelta(days=35)
AHEAD = timedelta(minutes=5)
_BATCH = 500
_KNOWN_HEADERS = 256

OnBad = Callable[[Row, str], None]
OnCalls = Callable[[int], None]
"""Told how many calls are on the log."""


@dataclass(frozen=True)
class ImportPlan:
    """What to import and how to read it. `chosen` says field -> header where names do not tell; `source` keeps apart
    what must not be taken for one another."""

    path: Path
    given: Given = field(default_factory=Given)
    chosen: Mapping[str, str] = field(default_factory=dict)
    source: str = "default"


@dataclass
class Survey:
    """What a file holds. Tokens are sums over `calls`."""

    calls: int = 0
    bad: int = 0
    repeated: int = 0
    """Rows with an id that tell of a call which an earlier row has told of, in the same words."""
    late: int = 0
    """Calls older than 35 days: accepted, and flagged since their month may be closed."""
    ahead: int = 0
    """Calls more than 5 minutes ahead of the clock: accepted and flagged."""
    input_tokens: int = 0
    output_tokens: int = 0
    first: datetime | None = None
    last: datetime | None = None
    columns: Columns = field(default_factory=dict)
    """Field -> header, over all rows."""

    def add(self, event: CallFinished, now: datetime) -> None:
        """Count one call."""
        started = event.call.started_at
        self.calls += 1
        self.late += started < now - LATE
        self.ahead += started > now + AHEAD
        if event.usage is not None:
            self.input_tokens += event.usage.input_tokens
            self.output_tokens += event.usage.output_tokens
        self.first = started if self.first is None else min(self.first, started)
        self.last = started if self.last is None else max(self.last, started)


def survey(plan: ImportPlan, clock: Clock, on_bad: OnBad, on_bytes: OnBytes | None = None) -> Survey:
    """Read the whole file and publish nothing; `on_bad` is told each row that makes no call, and why.

    Raises InvalidInput when the file as a whole cannot be used.
    """
    found, now = Survey(), clock.now()
    for event in _calls(plan, found, on_bad, on_bytes):
        found.add(event, now)
    return found


async def publish_calls(
    plan: ImportPlan, expected: Survey, publisher: EventPublisher, on_calls: OnCalls | None = None
) -> int:
    """Publish every call of a file that `survey` has read; returns how many.

    Raises LogUnavailable that says how far it came (run it again: nothing counts twice), and InvalidInput when the
    file is no longer what was surveyed.
    """
    seen, published = Survey(), 0
    batch: list[Outgoing] = []

    async def flush() -> None:
        nonlocal published
        try:
            await publisher.publish(batch)
        except LogUnavailable as reason:
            raise LogUnavailable(
                f"{published:,} of {expected.calls:,} calls are on the log; {reason}."
                " Run the same import again: no call counts twice"
            ) from reason
        published += len(batch)
        batch.clear()
        if on_calls is not None:
            on_calls(published)

    for event in _calls(plan, seen):
        batch.append(_outgoing(event, plan.source))
        if len(batch) >= _BATCH:
            await flush()
    if batch:
        await flush()
    if (published, seen.bad) != (expected.calls, expected.bad):
        raise InvalidInput(
            f"{plan.path.name} changed while it was read: {expected.calls:,} calls and {expected.bad:,} bad rows became"
            f" {published:,} and {seen.bad:,}. Run the same import again"
        )
    return published


def _calls(
    plan: ImportPlan, found: Survey, on_bad: OnBad | None = None, on_bytes: OnBytes | None = None
) -> Iterator[CallFinished]:
    """The calls of a file, each once; counts in `found` what makes none."""
    identities = Identities(plan.source)
    columns_of = _ColumnsOf(plan.chosen)
    for row in read_rows(plan.path, on_bytes):
        if row.header is not None:
            columns_of(row)  # what is wrong with the one header of all rows is no fault of a row
        try:
            if row.fault:
                raise InvalidInput(row.fault)
            columns = columns_of(row)
            past = read_row(row.cells, columns, plan.given)
            call_id, is_repeated = identities.name(past)
        except InvalidInput as reason:
            found.bad += 1
            if on_bad is not None:
                on_bad(row, str(reason))
            continue
        found.columns = columns if len(columns) > len(found.columns) else found.columns
        if is_repeated:
            found.repeated += 1
        else:
            yield finished(past, call_id)


class _ColumnsOf:
    """The columns of a row. Rows of a CSV all have the same, those of a JSONL as many kinds as there are."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = chosen
        self._known: dict[tuple[str, ...], Columns] = {}

    def __call__(self, row: Row) -> Columns:
        headers = row.header if row.header is not None else tuple(row.cells)
        found = self._known.get(headers)
        if found is None:
            if len(self._known) >= _KNOWN_HEADERS:
                self._known.clear()
            found = self._known[headers] = resolve_columns(headers, self._chosen)
        return found


def _outgoing(event: CallFinished, source: str) -> Outgoing:
    value = encode_event(
        event,
        id=f"{event.call.call_id}/finished",
        source=f"spendstream/import/{source}",
        time=event.finished_at,
        subject=event.call.call_id,
    )
    return Outgoing(TopicName.CALLS, event.call.who.team, value)
