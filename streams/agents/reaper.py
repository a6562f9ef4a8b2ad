"""The open calls of this worker's partitions: `streams.reaping` on a Faust table.

An entry of the table `open` is a call's id, and under it when the log took its `CallStarted` (8 bytes, milliseconds since
1970) and the bytes of that record.

How long a call has been open is measured on the log: from its start to what was read last. A worker that has been away for
hours finds many calls without an end, whose ends it is about to read. Where nothing has come for a while, there is nothing
left to read, and time passes as on the clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Sequence

from ingest.clock import Clock
from ingest.events.calls import Call, GatewayRetired
from ingest.log import Outgoing, Record
from streams.agents.tables import Table
from streams.reaping import OpenCall, OpenCalls, end_record

REAP_AFTER_S = 3600.0
_QUIET_S = 60.0
"""A partition of which nothing has come for so long has been read to its end."""
_LOOKS = 20
"""How often in `reap_after_s` open calls are looked at."""


class Reaper:
    """Keeps the open calls and ends those that nobody else will. `reap_after_s`: seconds that a call may be open."""

    def __init__(self, table: Table, clock: Clock, reap_after_s: float = REAP_AFTER_S) -> None:
        self._table = table
        self._clock = clock
        self._reap_after_s = reap_after_s
        self._calls: defaultdict[int, OpenCalls] = defaultdict(OpenCalls)
        self._read_to: dict[int, tuple[int, float]] = {}
        self._look_due = clock.monotonic()

    def begin(self, record: Record, gateway: str, call: Call) -> None:
        """`record` says that a call of `gateway` goes out."""
        if record.value is not None:
            one = OpenCall(gateway, call, record.value, self._logged_ms(record))
            self._calls[record.partition].begin(one)

    def end(self, partition: int, call_id: str, is_repeat: bool) -> None:
        """A call has ended; `is_repeat`: this was known before."""
        self._calls[partition].end(call_id, is_repeat)

    def read(self, record: Record) -> None:
        """A record was read, whatever it says."""
        self._read_to[record.partition] = (self._logged_ms(record), self._clock.monotonic())

    def retire(self, partition: int, event: GatewayRetired) -> list[Outgoing]:
        """The ends of all calls of a gateway that is gone."""
        calls = self._calls[partition].of_gateway(event.gateway)
        return [end_record(one, event.retired_at) for one in calls]

    def due(self) -> list[Outgoing]:
        """The ends of the calls that have been open for too long, at intervals."""
        if self._clock.monotonic() < self._look_due:
            return []
        self._look_due = self._clock.monotonic() + self._reap_after_s / _LOOKS
        now = self._clock.now()
        return [
            end_record(one, now)
            for partition, calls in self._calls.items()
            for one in calls.older_than(self._log_time_ms(partition) - int(self._reap_after_s * 1000))
        ]

    def flush(self) -> Awaitable[None]:
        """Write what has changed."""
        for partition, calls in self._calls.items():
            for call_id, one in calls.take_changes().items():
                value = None if one is None else one.logged_ms.to_bytes(8, "big") + one.value
                self._table.put(partition, call_id.encode(), value)
        return self._table.flush()

    def next_due(self) -> float | None:
        """When (monotonic seconds) open calls are to be looked at; None while there are none."""
        return self._look_due if any(map(len, self._calls.values())) else None

    def restore(self, partitions: Sequence[int]) -> None:
        """Start again from the table, as the reader of `partitions`."""
        self._calls.clear()
        for partition in partitions:
            self._calls[partition] = OpenCalls(
                OpenCall.of(value[8:], int.from_bytes(value[:8], "big"))
                for _, value in self._table.items(partition)
            )
        began = self._clock.monotonic()
        self._read_to = dict.fromkeys(partitions, (0, began))

    def _log_time_ms(self, partition: int) -> int:
        logged_ms, read_at = self._read_to.get(partition, (0, self._clock.monotonic()))
        quiet_s = self._clock.monotonic() - read_at
        if quiet_s < _QUIET_S:
            return logged_ms
        return max(logged_ms, int((self._clock.now().timestamp() - _QUIET_S) * 1000))

    def _logged_ms(self, record: Record) -> int:
        return record.timestamp_ms or int(self._clock.now().timestamp() * 1000)
