"""Where the records of a topic go: how one becomes a row, and how rows are stored. One class a topic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from typing_extensions import override

from ingest.codec import Event, decode_event
from ingest.errors import DecodeError
from ingest.events.costs import CallCosted, CostCorrected
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved
from ingest.events.states import BudgetStateChanged
from ingest.log import Record
from ingest.topics import TopicName
from warehouse.cells import Cell, cell_of
from warehouse.client import Client
from warehouse.rollup import Rollup
from warehouse.rows import CALLS, Row, call_row
from warehouse.state_rows import (
    BUDGET_STATES,
    DEAD_LETTERS,
    LETTER_ACTIONS,
    action_row,
    letter_row,
    state_row,
)
from warehouse.versions import Versions

_DAY_US = 86_400_000_000
_STARTED_AT, _TEAM = CALLS.names.index("started_at"), CALLS.names.index("team")


class Destination(Protocol):
    """What a loader needs to know of its topic. `insert` and `settle` block, and may be repeated without harm."""

    topic: TopicName
    things: str
    """What the rows are, for the log: `calls`."""

    def row(self, record: Record) -> Row:
        """The row of one record. Pure; raises InvalidInput for a record that cannot be used."""
        ...

    def insert(self, rows: Sequence[Row], token: str) -> None:
        """Store `rows`; all of them are stored when it returns. Raises WarehouseUnavailable or WarehouseRefused."""
        ...

    def settle(self) -> None:
        """Bring what is derived from the stored rows up to date with them. Raises like `insert`."""
        ...


class Calls(Destination):
    """`llm.costs` to `calls_raw`, `call_versions` and the rollup. Remembers which cells of the rollup have to be recomputed."""

    topic = TopicName.COSTS
    things = "calls"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rollup = Rollup(client)
        self._versions = Versions(client)
        self._dirty: set[Cell] = set()

    @override
    def row(self, record: Record) -> Row:
        return costed_call(record)

    @override
    def insert(self, rows: Sequence[Row], token: str) -> None:
        # Dirty before they are stored: an insert whose answer is lost may have been done.
        self._dirty.update(cell_of(row[_TEAM], row[_STARTED_AT]) for row in rows)
        # Before they are stored: a version that is replaced may be gone a moment later.
        self._versions.keep(rows)
        # An insert is one part, whole or not at all, only within one month (the table's partition).
        for month, of_month in _by_month(rows).items():
            self._client.insert(CALLS, list(zip(*of_month, strict=True)), f"{token}:{month}")

    @override
    def settle(self) -> None:
        cells = set(self._dirty)
        self._rollup.recompute(cells)
        self._dirty -= cells


class BudgetStates(Destination):
    """`budget.states` to their history; `budgets_current` is a view over it."""

    topic = TopicName.STATES
    things = "budget states"

    def __init__(self, client: Client) -> None:
        self._client = client

    @override
    def row(self, record: Record) -> Row:
        event = decode_event(record.value).data
        if not isinstance(event, BudgetStateChanged):
            raise _misplaced(event, self.topic)
        return state_row(event, record.partition, record.offset)

    @override
    def insert(self, rows: Sequence[Row], token: str) -> None:
        self._client.insert(BUDGET_STATES, list(zip(*rows, strict=True)), token)

    @override
    def settle(self) -> None:
        """Nothing is derived."""


class _LetterRow(tuple[Any, ...]):
    """A row of the table `dead_letters`, among others of the same topic."""


class DeadLetters(Destination):
    """`dead.letters` to the table of the same name, and what people did with them to the table beside it."""

    topic = TopicName.DEAD_LETTERS
    things = "dead letters"

    def __init__(self, client: Client) -> None:
        self._client = client

    @override
    def row(self, record: Record) -> Row:
        event = decode_event(record.value).data
        if isinstance(event, DeadLetter):
            return _LetterRow(letter_row(event))
        if isinstance(event, DeadLetterFixed | DeadLetterResolved):
            return action_row(event)
        raise _misplaced(event, self.topic)

    @override
    def insert(self, rows: Sequence[Row], token: str) -> None:
        letters = [row for row in rows if isinstance(row, _LetterRow)]
        actions = [row for row in rows if not isinstance(row, _LetterRow)]
        for table, of_table in ((DEAD_LETTERS, letters), (LETTER_ACTIONS, actions)):
            if of_table:
                self._client.insert(table, list(zip(*of_table, strict=True)), token)

    @override
    def settle(self) -> None:
        """Nothing is derived."""


def costed_call(record: Record) -> Row:
    """The row of a record of `llm.costs`, in the order of `CALLS.columns`. Pure; raises InvalidInput."""
    event = decode_event(record.value).data
    if not isinstance(event, CallCosted | CostCorrected):
        raise _misplaced(event, TopicName.COSTS)
    return call_row(event, record.partition, record.offset, record.timestamp_ms)


def _by_month(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each month in which calls started (UTC), in their order."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    months: dict[int, str] = {}
    for row in rows:
        day = row[_STARTED_AT] // _DAY_US
        if (month := months.get(day)) is None:
            month = months[day] = datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y%m")
        found[month].append(row)
    return found


def _misplaced(event: Event, topic: TopicName) -> DecodeError:
    return DecodeError(f"{type(event).__name__} does not belong on {topic}")
