"""The log, read from its beginning and folded: what every event says, without asking anybody who has processed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.calls import CallFinished, CallStarted, GatewayRetired
from ingest.events.charges import ChargeCorrected, ChargeSettled
from ingest.events.costs import CallCost, CallCosted, CostCorrected
from ingest.events.dead_letters import DeadLetter
from ingest.topics import TopicName
from tests.chaos.garbage import is_garbage

BALANCES = "spendstream-balances-changelog"
"""The changelog of the ledger's table: what it would be restored from, and so the balances themselves."""

_TOPICS = (TopicName.CALLS, TopicName.COSTS, TopicName.CHARGES, TopicName.DEAD_LETTERS)


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Told(NamedTuple):
    """An event, where it stands, and who said it when it was appended (milliseconds since 1970)."""

    place: Place
    event: object
    source: str
    at_ms: int


Balance = tuple[str, str]
"""Budget and window."""


@dataclass
class LogBooks:
    """Events by what they are about. `finished` holds every record, the first of a call first."""

    started: dict[str, Told] = field(default_factory=dict)
    finished: defaultdict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    costed: defaultdict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    corrected: defaultdict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    charges: list[Told] = field(default_factory=list)
    retired: dict[str, Told] = field(default_factory=dict)
    repeated_starts: int = 0
    dead_letters: dict[Place, str] = field(default_factory=dict)
    garbage: list[Place] = field(default_factory=list)
    unreadable: list[Place] = field(default_factory=list)
    """Records that are no events and that nobody of ours has put there."""
    balances: dict[Balance, Decimal] = field(default_factory=dict)

    def call(self, call_id: str) -> CallFinished:
        """How a call ended, by its first record."""
        event = self.finished[call_id][0].event
        assert isinstance(event, CallFinished)
        return event

    def cost(self, call_id: str) -> tuple[CallFinished, CallCost]:
        """The newest version of a call and its cost."""
        corrections = [told.event for told in self.corrected[call_id]]
        newest = max(
            (event for event in corrections if isinstance(event, CostCorrected)),
            key=lambda event: event.version,
            default=None,
        )
        event = newest or self.costed[call_id][0].event
        assert isinstance(event, CallCosted | CostCorrected)
        return event.finished, event.cost

    def open_calls(self) -> list[str]:
        """Calls that were started and of which nobody has said how they ended."""
        return [call_id for call_id in self.started if call_id not in self.finished]

    @property
    def repeated_ends(self) -> int:
        """Records that say again how a call ended."""
        return sum(len(told) - 1 for told in self.finished.values())

    @property
    def repeated_costs(self) -> int:
        """Records that say again what a call costs: what a worker that was killed had published already."""
        return sum(len(told) - 1 for told in self.costed.values())

    def take(self, record: ConsumerRecord) -> None:
        """Fold one record."""
        if record.topic == BALANCES:
            self._take_balance(record)
            return
        place = Place(record.topic, record.partition, record.offset)
        if is_garbage(record.key):
            self.garbage.append(place)
            return
        try:
            envelope = decode_event(record.value)
        except DecodeError:
            self.unreadable.append(place)
            return
        self._take_event(Told(place, envelope.data, envelope.source, record.timestamp))

    def _take_event(self, told: Told) -> None:
        event = told.event
        if isinstance(event, CallStarted):
            self.repeated_starts += event.call.call_id in self.started
            self.started.setdefault(event.call.call_id, told)
        elif isinstance(event, CallFinished):
            self.finished[event.call.call_id].append(told)
        elif isinstance(event, GatewayRetired):
            self.retired.setdefault(event.gateway, told)
        elif isinstance(event, CallCosted):
            self.costed[event.finished.call.call_id].append(told)
        elif isinstance(event, CostCorrected):
            self.corrected[event.finished.call.call_id].append(told)
        elif isinstance(event, ChargeSettled | ChargeCorrected):
            self.charges.append(told)
        elif isinstance(event, DeadLetter):
            self.dead_letters[Place(event.topic, event.partition, event.offset)] = event.reason

    def _take_balance(self, record: ConsumerRecord) -> None:
        budget, window = msgspec.json.decode(record.key)
        if record.value is None:
            self.balances.pop((budget, window), None)
        else:
            self.balances[budget, window] = Decimal(msgspec.json.decode(record.value)["spent_usd"])

    def charged(self) -> dict[Balance, Decimal]:
        """What the events on `budget.charges` come to: each source and balance once, whatever its repeats."""
        seen: set[tuple[object, ...]] = set()
        totals: defaultdict[Balance, Decimal] = defaultdict(Decimal)
        for told in self.charges:
            event = told.event
            assert isinstance(event, ChargeSettled | ChargeCorrected)
            key = (type(event), event.source, event.budget_id, event.window)
            if key not in seen:
                seen.add(key)
                amount = event.amount_usd if isinstance(event, ChargeSettled) else event.delta_usd
                totals[event.budget_id, event.window] += amount
        return dict(totals)

    def events_of(self, call_id: str) -> Iterator[Told]:
        """Everything that the log says about one call, for whoever has to find out what went wrong."""
        if call_id in self.started:
            yield self.started[call_id]
        yield from self.finished.get(call_id, ())
        yield from self.costed.get(call_id, ())
        yield from self.corrected.get(call_id, ())
        for told in self.charges:
            if getattr(told.event, "call_id", "") == call_id:
                yield told


class LogReader:
    """Keeps `books` up to date; use as an async context manager while the broker is there."""

    def __init__(self, kafka: str) -> None:
        self.books = LogBooks()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
        )

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        topics = [*(topic.value for topic in _TOPICS), BALANCES]
        for topic in topics:
            self._consumer._client.add_topic(topic)
        await self._consumer._client.force_metadata_update()
        places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        self._consumer.assign(places)
        await self._consumer.seek_to_beginning(*places)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def catch_up(self) -> LogBooks:
        """Read everything that is on the log by now."""
        places = list(self._consumer.assignment())
        ends = await self._consumer.end_offsets(places)
        behind = {place for place in places if ends[place]}
        while behind:
            for records in (await self._consumer.getmany(timeout_ms=500, max_records=5000)).values():
                for record in records:
                    self.books.take(record)
            for place in list(behind):
                if await self._consumer.position(place) >= ends[place]:
                    behind.discard(place)
        return self.books
