"""The spool against a list: whatever happens in between, what was appended comes out once acknowledged, in order."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from ingest.spool import Spool

LIMIT = 4000


class SpoolMachine(RuleBasedStateMachine):
    """`self.pending` is the model: what was appended and not acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "spool"
        self.pending: list[bytes] = []
        self.spool = self._open()

    def _open(self) -> Spool:
        # Small segments, so that both many files and the memory's limit are met.
        return Spool(self.path, LIMIT, segment_bytes=300)

    @rule(payload=st.binary(max_size=200), times=st.integers(1, 8))
    def append(self, payload: bytes, times: int) -> None:
        for number in range(times):
            record = payload + bytes([number])
            if self.spool.pending_bytes + len(record) + 8 > LIMIT - 600:
                return
            self.spool.append(record)
            self.pending.append(record)

    @rule(max_records=st.integers(1, 20), max_bytes=st.integers(1, 1000))
    def read(self, max_records: int, max_bytes: int) -> None:
        batch = self.spool.read(max_records, max_bytes)
        assert batch.payloads == self.pending[: len(batch.payloads)]
        assert bool(batch.payloads) == bool(self.pending)

    @rule(max_records=st.integers(1, 20))
    def send(self, max_records: int) -> None:
        batch = self.spool.read(max_records)
        assert batch.payloads == self.pending[: len(batch.payloads)]
        assert len(batch.payloads) >= min(1, len(self.pending))
        self.spool.acknowledge(batch.end)
        del self.pending[: len(batch.payloads)]

    @rule()
    def send_everything(self) -> None:
        sent = []
        while (batch := self.spool.read(7)).payloads:
            sent += batch.payloads
            self.spool.acknowledge(batch.end)
        assert sent == self.pending
        self.pending = []
        assert self.spool.is_empty

    @rule()
    def close_and_open(self) -> None:
        self.spool.close()
        assert self.path.exists() == bool(self.pending)
        self.spool = self._open()

    @rule(torn=st.binary(min_size=1, max_size=30))
    def die_and_come_back(self, torn: bytes) -> None:
        """As after kill -9 in the middle of a write: the locks fall, and the last segment ends in half a record."""
        for opened in (self.spool._lock, self.spool._cursor_file, self.spool._segment_file):
            if opened is not None:
                os.close(opened)
        segments = sorted(self.path.glob("*.seg"))
        if segments and self.pending:
            with segments[-1].open("ab") as file:
                file.write(b"\xff\x00\x00\x00" + torn)
        self.spool = self._open()

    @precondition(lambda self: self.pending)
    @rule()
    def lose_the_cursor(self) -> None:
        """Without the cursor, acknowledged records of the oldest segment may come again, but none is lost."""
        self.spool.close()
        (self.path / "cursor").unlink()
        self.spool = self._open()
        seen: list[bytes] = []
        while (batch := self.spool.read()).payloads:
            seen += batch.payloads
            self.spool.acknowledge(batch.end)
        assert seen[len(seen) - len(self.pending) :] == self.pending
        self.pending = []

    @invariant()
    def stays_within_its_limit(self) -> None:
        on_disk = sum(path.stat().st_size for path in self.path.glob("*.seg"))
        assert on_disk <= LIMIT + 40 * len(list(self.path.glob("*.seg")))
        assert self.spool.is_empty == (self.spool.pending_bytes == 0)

    @override
    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
