"""Fills a database from the log, with the loader itself: what is rebuilt is what would have been loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from ingest.clock import Clock
from ingest.events.dead_letters import DeadLetter
from ingest.log import Positions, PositionSource
from ingest.topics import TopicName
from warehouse.client import Client
from warehouse.gathering import Mark
from warehouse.loader import Loader, Pace
from warehouse.positions import StoredPositions
from warehouse.progress import ProgressReporter
from warehouse.replay.plan import COMPACTED, REPLAYED, Plan, SpanReader, destination_of

OpenReader = Callable[[TopicName, Positions, PositionSource], AbstractAsyncContextManager[SpanReader]]
"""A reader of a topic up to these ends, which begins where the source says."""

Tell = Callable[[TopicName, int], None]
"""Called with a topic and the number of its records that are dealt with."""


@dataclass
class Replayed:
    """What came of it. `unreadable` records stand in `dead.letters` already: the loader put them there when it met them."""

    unreadable: int = 0


class _Quiet(ProgressReporter):
    """How far the target has come is no freshness of figures that anybody looks at."""

    @override
    def report(self, recorded: Mapping[int, Mark], ends: Positions, asked_at: datetime) -> None:
        """Nothing is written."""


async def replay(
    client: Client, plan: Plan, open_reader: OpenReader, tell: Tell, clock: Clock, pace: Pace | None = None
) -> Replayed:
    """Load everything of `plan` that is not loaded yet. May be cancelled or killed at any moment and called again.

    Raises Unavailable when Kafka or the warehouse stays away, Halted when the log is not the one that was begun with.
    """
    outcome = Replayed()
    for topic in REPLAYED:
        if plan.ends(topic):
            await _replay_topic(client, plan, topic, open_reader, tell, clock, pace, outcome)
    return outcome


async def _replay_topic(  # noqa: PLR0913 - the surroundings of one topic
    client: Client,
    plan: Plan,
    topic: TopicName,
    open_reader: OpenReader,
    tell: Tell,
    clock: Clock,
    pace: Pace | None,
    outcome: Replayed,
) -> None:
    positions = StoredPositions(client, plan.log, topic, is_compacted=topic in COMPACTED)
    spans, ends = plan.spans[topic], plan.ends(topic)

    async def keep_out(letters: Sequence[DeadLetter]) -> None:
        # Not published again: a second letter of a record would say nothing new.
        outcome.unreadable += len(letters)

    async with open_reader(topic, ends, positions.start) as reader:
        destination, progress = destination_of(topic, client), _Quiet(client, f"replay {topic}")
        loader = Loader(reader, positions, destination, keep_out, progress, clock, pace)
        while not await reader.is_done():
            await loader.step()
            reached = {**{p: span.begin for p, span in spans.items()}, **loader.reached}
            tell(topic, sum(max(0, reached[p] - span.begin) for p, span in spans.items()))
        await loader.finish()
    tell(topic, sum(span.records for span in spans.values()))


def remaining(client: Client, plan: Plan) -> int:
    """Records of the plan that are not recorded as stored. Blocks."""
    left = 0
    for topic, spans in plan.spans.items():
        stored = StoredPositions(client, plan.log, topic).stored()
        for partition, span in spans.items():
            mark = stored.get(partition)
            left += max(0, span.end - max(span.begin, mark.position if mark else 0))
    return left
