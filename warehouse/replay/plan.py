"""What a replay reads: which topics, and of each partition from where to where. Fixed when it begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ingest.kafka.spans import Span
from ingest.log import PartitionReader
from ingest.topics import TopicName
from warehouse.client import Client
from warehouse.destinations import BudgetStates, Calls, DeadLetters, Destination

REPLAYED: tuple[TopicName, ...] = (TopicName.COSTS, TopicName.STATES, TopicName.DEAD_LETTERS)
"""In this order: the calls are what people wait for."""

COMPACTED = frozenset({TopicName.STATES})


class SpanReader(PartitionReader, Protocol):
    """A reader that comes to an end."""

    async def is_done(self) -> bool:
        """Whether everything was given out."""
        ...


AskSpans = Callable[[TopicName], Awaitable[Mapping[int, Span]]]
"""What a topic holds now, by partition."""


@dataclass(frozen=True)
class Plan:
    """`log` is the Kafka cluster's id; `spans` has a topic's partitions with what each held when the replay began."""

    log: str
    spans: Mapping[TopicName, Mapping[int, Span]]

    @property
    def records(self) -> int:
        """All that is to be read; of a compacted topic, more than there is."""
        return sum(span.records for of_topic in self.spans.values() for span in of_topic.values())

    def ends(self, topic: TopicName) -> dict[int, int]:
        """Where to stop reading each partition."""
        return {number: span.end for number, span in self.spans.get(topic, {}).items()}


async def make_plan(log: str, ask: AskSpans) -> Plan:
    """From the log's beginning to its end as it is now."""
    return Plan(log, {topic: dict(await ask(topic)) for topic in REPLAYED})


def destination_of(topic: TopicName, client: Client) -> Destination:
    """The very place to which the loader takes the topic."""
    kinds: dict[TopicName, Callable[[Client], Destination]] = {
        TopicName.COSTS: Calls,
        TopicName.STATES: BudgetStates,
        TopicName.DEAD_LETTERS: DeadLetters,
    }
    return kinds[topic](client)
