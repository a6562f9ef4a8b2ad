"""What a client asks of the store, and what it gets: values between the HTTP side and the engine's side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from warehouse.embedded.native import Answer
from warehouse.embedded.statements import Statement

CANCEL_MARK = "log_comment"
"""The setting that carries the request's id into `system.processes`, where a cancellation finds it: the engine gives
every statement a query id of its own and takes none. A client's own value wins; such a statement is not cancelled."""


@dataclass(frozen=True)
class ExternalTable:
    """A table that comes with the request and lives as long as its statement. `structure` is a column list in SQL."""

    name: str
    structure: str
    format: str
    data: bytes


@dataclass(frozen=True)
class SessionName:
    """A session that outlives its request. `must_exist` is `session_check=1`; `timeout_s` counts from its last use."""

    id: str
    timeout_s: float
    must_exist: bool = False


@dataclass(frozen=True)
class Ask:
    """One statement with everything around it. `query_id` is how it is cancelled."""

    statement: Statement
    query_id: str
    database: str | None = None
    """None is the session's own, or the warehouse's."""
    format: str = "TabSeparated"
    read_only: bool = False
    whole: bool = True
    """Whether the answer must be complete before its first byte is sent (`wait_end_of_query=1`)."""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[ExternalTable, ...] = ()
    session: SessionName | None = None

    @property
    def can_be_cancelled(self) -> bool:
        """Whether the engine can be told to stop it, and may be: it only reads, and carries our mark."""
        return self.statement.reads and CANCEL_MARK not in self.settings

    @property
    def output_format(self) -> str:
        """What the statement's FORMAT says, else what the request's header or parameter says."""
        return self.statement.output_format or self.format


@dataclass
class Reply:
    """What came back: `answer` whole, or `pieces` to be read to the end by the thread that asked."""

    answer: Answer = field(default_factory=Answer)
    pieces: Iterator[bytes] | None = None
