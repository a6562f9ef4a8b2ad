"""Writes down what happened to calls, and gets it onto the log.

Recording is synchronous and never waits for the log: an event is in the spool (on disk, out of reach of a `kill -9`)
when `started` or `finished` returns. One background task sends what is in the spool, oldest first, and acknowledges it
once the log has confirmed. If the disk takes nothing more, events wait in memory, up to a limit; above half of that
limit no new call is accepted, so that those on their way can still be recorded.

What an earlier process of this home has left goes first, and what it had noted of streams that it did not end. Then every partition is told that it has gone
(`GatewayRetired`): calls of it that are open there were never finished, since everything it had recorded stands before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gateway_shim.metrics import GatewayMetrics
from ingest.clock import Clock
from ingest.codec import encode_event
from ingest.errors import LogUnavailable
from ingest.events.calls import Call, CallFinished, CallStarted, GatewayRetired
from ingest.log import EventPublisher, Outgoing, PartitionPublisher
from ingest.notes import Notes, read_notes
from ingest.spool import Spool, SpoolFull
from ingest.topics import TopicName

_LOG = logging.getLogger(__name__)
_LEAST_RETRY_S, _MOST_RETRY_S = 0.1, 2.0
_BATCH = 500
MEMORY_RECORDS = 20_000

_NOTES = "progress"

_PACK = msgspec.msgpack.Encoder()
_UNPACK = msgspec.msgpack.Decoder(Outgoing)


def source_of(spool_name: str) -> str:
    """The source of a gateway's events, by the name of its spool's folder: who finds the one knows the other."""
    return f"gateway/{spool_name}"


class Recorder:
    """`leftovers` are spools of processes that have gone: sent first. `spool` names this gateway (`source_of`)."""

    def __init__(
        self,
        spool: Spool,
        leftovers: Sequence[Spool],
        clock: Clock,
        metrics: GatewayMetrics,
        memory_records: int = MEMORY_RECORDS,
    ) -> None:
        self._source = source_of(spool.folder.name)
        self._spool = spool
        self._leftovers = list(leftovers)
        self._clock = clock
        self._metrics = metrics
        self._memory: deque[Outgoing] = deque()
        self._memory_records = memory_records
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._open: set[str] = set()
        self._notes = Notes(spool.folder / _NOTES)
        self.is_troubled = False
        """Whether the log refused the last attempt; records wait in the spool."""
        metrics.spool_bytes.set_function(lambda: self.pending_bytes)

    @property
    def pending_bytes(self) -> int:
        """Bytes in the spools that the log has not confirmed."""
        return self._spool.pending_bytes + sum(spool.pending_bytes for spool in self._leftovers)

    @property
    def pending_in_memory(self) -> int:
        """Records that only memory holds, since the disk took nothing more."""
        return len(self._memory)

    @property
    def is_accepting(self) -> bool:
        """Whether there is room to record another call from its start to its end."""
        return 2 * len(self._memory) < self._memory_records

    @property
    def is_idle(self) -> bool:
        """Whether everything is on the log."""
        return not self._memory and self._spool.is_empty and not self._leftovers

    @property
    def source(self) -> str:
        """This gateway's name in every event."""
        return self._source

    def started(self, call: Call) -> None:
        """Write down that a call goes out."""
        self._open.add(call.call_id)
        self._record(CallStarted(call), call, "started")

    def finished(self, finished: CallFinished) -> None:
        """Write down how a call ended."""
        if self._record(finished, finished.call, "finished"):
            self._open.discard(finished.call.call_id)
            self._strike(finished.call.call_id)

    def as_note(self, so_far: CallFinished) -> bytes:
        """The note of how a call would end if this process ended now."""
        return _PACK.encode(self._outgoing(so_far, so_far.call, "finished"))

    def note(self, notes: Mapping[str, bytes]) -> None:
        """Keep these notes, by the id of the call, in place of earlier ones. Raises OSError."""
        self._notes.write(notes)

    async def run(self, publisher: PartitionPublisher) -> None:
        """Send without an end. What a cancelled run has not sent stays in the spool."""
        while self._leftovers:
            spool = self._leftovers[0]
            count = await self._drain(spool, publisher)
            await self._publish_notes(spool, publisher)
            await self._retire(source_of(spool.folder.name), publisher)
            Notes(spool.folder / _NOTES).close()
            self._leftovers.pop(0).close()
            _LOG.info("an earlier process had left %d records in its spool; they are on the log", count)
        while True:
            self._wake.clear()
            await self._drain(self._spool, publisher)
            await self._drain_memory(publisher)
            self._drained.set()
            await self._wake.wait()

    async def flush(self, timeout_s: float) -> None:
        """Wait until everything is on the log, for at most `timeout_s` seconds. Needs `run` in the background."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.is_idle:
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError:
            _LOG.warning("%d bytes stay in the spool for the next start", self.pending_bytes)

    def close(self) -> None:
        """Give the spools up; what is in them waits for the next process."""
        for record in self._memory:
            self._keep_on_disk(record)
        for spool in self._leftovers:
            spool.close(keep=True)
        if self._open:
            _LOG.warning(
                "%d calls stay open: the next start tells the log that nobody saw their end", len(self._open)
            )
        else:
            self._notes.close()
        self._spool.close(keep=bool(self._open))

    def _strike(self, call_id: str) -> None:
        try:
            self._notes.strike(call_id)
        except OSError as reason:  # then the end is there twice after a kill, which readers recognise
            _LOG.warning("a note cannot be struck out: %s", reason)

    def _outgoing(self, event: CallStarted | CallFinished, call: Call, what: str) -> Outgoing:
        value = encode_event(
            event,
            id=f"{call.call_id}/{what}",
            source=self._source,
            time=self._clock.now(),
            subject=call.who.team,
        )
        return Outgoing(TopicName.CALLS, call.who.team, value)

    def _record(self, event: CallStarted | CallFinished, call: Call, what: str) -> bool:
        record = self._outgoing(event, call, what)
        is_kept = (not self._memory and self._keep_on_disk(record)) or self._keep_in_memory(record)
        self._wake.set()
        return is_kept

    def _keep_on_disk(self, record: Outgoing) -> bool:
        try:
            self._spool.append(_PACK.encode(record))
        except SpoolFull as reason:
            if not self._memory:
                _LOG.error("%s; events wait in memory until the log or the disk takes them", reason)
            return False
        return True

    def _keep_in_memory(self, record: Outgoing) -> bool:
        if len(self._memory) >= self._memory_records:
            self._metrics.lost.inc()
            _LOG.critical("a record of a call is lost: neither the log, the disk nor memory has room")
            return False
        self._memory.append(record)
        return True

    async def _drain(self, spool: Spool, publisher: EventPublisher) -> int:
        """Send what is in `spool`; how many records that were."""
        count = 0
        while (batch := spool.read(_BATCH)).payloads:
            await self._publish([_UNPACK.decode(payload) for payload in batch.payloads], publisher)
            spool.acknowledge(batch.end)
            count += len(batch.payloads)
        return count

    async def _publish_notes(self, spool: Spool, publisher: EventPublisher) -> None:
        """End the streams of a gateway that has gone by its last notes of them.

        Of a call whose end it had recorded all the same, this is the second end that readers see: it has the first one's
        id, and the first one counts.
        """
        notes = read_notes(spool.folder / _NOTES)
        if notes:
            await self._publish([_UNPACK.decode(note) for note in notes.values()], publisher)

    async def _retire(self, gateway: str, publisher: PartitionPublisher) -> None:
        """Say on every partition that this gateway has gone. Said twice it means the same."""

        async def say() -> None:
            now = self._clock.now()
            event = GatewayRetired(gateway, retired_at=now)
            records = []
            for partition in await publisher.partitions_of(TopicName.CALLS):
                value = encode_event(
                    event, id=f"{gateway}/retired/{partition}", source=self._source, time=now, subject=gateway
                )
                records.append(Outgoing(TopicName.CALLS, gateway, value, partition))
            await publisher.publish(records)

        await self._until_confirmed(say)

    async def _drain_memory(self, publisher: EventPublisher) -> None:
        while self._memory:
            batch = [self._memory[n] for n in range(min(_BATCH, len(self._memory)))]
            await self._publish(batch, publisher)
            for _ in batch:
                self._memory.popleft()

    async def _publish(self, records: Sequence[Outgoing], publisher: EventPublisher) -> None:
        await self._until_confirmed(lambda: publisher.publish(records))
        self._metrics.published.inc(len(records))

    async def _until_confirmed(self, say: Callable[[], Awaitable[None]]) -> None:
        """Until the log has confirmed; saying a thing twice is harmless, losing it is not."""
        pause = _LEAST_RETRY_S
        while True:
            try:
                await say()
            except LogUnavailable as reason:
                self._metrics.publish_failures.inc()
                self._say_once(f"{reason}; calls are kept in the spool ({self.pending_bytes} bytes)")
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MOST_RETRY_S)
            else:
                break
        if self.is_troubled:
            self.is_troubled = False
            _LOG.warning("the log takes records again; %d bytes wait in the spool", self.pending_bytes)

    def _say_once(self, message: str) -> None:
        if not self.is_troubled:
            self.is_troubled = True
            _LOG.warning("%s", message)
