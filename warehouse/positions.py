"""How far a topic is stored, as the warehouse itself says, and whether the log is still the one that was read.

A start re-reads the last record that was stored. If its fingerprint differs, or the log ends before it, the topic was
made anew or has lost its end, and offsets mean other calls than they did: going on would skip those in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from ingest.errors import Halted
from ingest.log import Positions, Record
from ingest.topics import TopicName
from warehouse.client import Client
from warehouse.columns import Table
from warehouse.gathering import Mark, fingerprint

_LOG = logging.getLogger(__name__)

POSITIONS = Table(
    "stored_positions",
    (
        ("log", "LowCardinality(String)"),
        ("topic", "LowCardinality(String)"),
        ("kafka_partition", "UInt32"),
        ("position", "UInt64"),
        ("fingerprint", "UInt64"),
    ),
)
_REMEDY = (
    "put the log back, or run `python -m warehouse forget-positions` to read what there is from its beginning"
    " (calls that are stored already are not doubled)"
)


class StoredPositions:
    """The positions of one topic on one log. `log` is the Kafka cluster's id. `is_compacted` says that the topic may
    lose old records rightly."""

    def __init__(self, client: Client, log: str, topic: str, *, is_compacted: bool = False) -> None:
        self._client = client
        self._log = log
        self.topic = topic
        self._is_compacted = is_compacted
        self._unverified: dict[int, Mark] = {}

    @property
    def log(self) -> str:
        return self._log

    @property
    def unverified(self) -> Mapping[int, Mark]:
        """Where the partitions stand whose last stored record was not seen again (yet); without its time."""
        return self._unverified

    def start(self, partitions: Sequence[int]) -> Positions:
        """Where to begin reading `partitions`: at the last record that was stored (a `PositionSource`; blocks)."""
        stored = self.stored()
        for partition in partitions:
            self._unverified.pop(partition, None)
            if (mark := stored.get(partition)) is not None:
                self._unverified[partition] = mark
        return {p: stored[p].position - 1 for p in partitions if p in stored}

    def stored(self) -> dict[int, Mark]:
        """What the warehouse holds, by partition; without the records' times, which only the log knows."""
        rows = self._client.rows(
            "SELECT kafka_partition, max(position), argMax(fingerprint, position) FROM stored_positions"
            " WHERE log = {log:String} AND topic = {topic:String} GROUP BY kafka_partition",
            {"log": self._log, "topic": self.topic},
        )
        return {partition: Mark(position, mark, 0) for partition, position, mark in rows}

    def verified(
        self, found: Mapping[int, Sequence[Record]]
    ) -> tuple[dict[int, Sequence[Record]], dict[int, Mark]]:
        """`found` without the records that were re-read only to be compared, and what is now known to be stored.

        Raises Halted when such a record is not the one that was stored.
        """
        new, known = dict(found), dict[int, Mark]()
        for partition, records in found.items():
            mark = self._unverified.get(partition)
            if mark is None or not records or records[-1].offset < mark.position - 1:
                continue
            del self._unverified[partition]
            again = [record for record in records if record.offset == mark.position - 1]
            if not again:
                self._report_missing(partition, mark, records[0].offset)
            elif fingerprint(again[0]) != mark.fingerprint:
                raise Halted(
                    f"{self.topic}/{partition} holds another record at offset {mark.position - 1} than the one that was"
                    f" stored: the topic was made anew; {_REMEDY}"
                )
            else:
                known[partition] = Mark.after(again[0])
            new[partition] = [record for record in records if record.offset >= mark.position]
        return new, known

    def check_ends(self, ends: Positions, reached: Mapping[int, int]) -> None:
        """Raises Halted when the log ends (`ends`) before what was read or stored of it (`reached` and our own marks)."""
        for partition, end in ends.items():
            mark = self._unverified.get(partition)
            position = max(mark.position if mark else 0, reached.get(partition, 0))
            if end < position:
                raise Halted(
                    f"{self.topic}/{partition} ends at offset {end}, but was stored up to {position}: the topic was made"
                    f" anew or has lost its end; {_REMEDY}"
                )

    def record(self, marks: Mapping[int, Mark]) -> None:
        """Write down that everything before each mark is stored. Blocks."""
        if not marks:
            return
        rows = [(self._log, self.topic, p, mark.position, mark.fingerprint) for p, mark in marks.items()]
        self._client.insert(POSITIONS, list(zip(*rows, strict=True)))

    def _report_missing(self, partition: int, mark: Mark, first: int) -> None:
        if first > mark.position and not self._is_compacted:
            _LOG.error(
                "%s/%d: the records from %d to %d left the log before they were stored; their calls are not in the warehouse",
                self.topic,
                partition,
                mark.position,
                first - 1,
            )


def other_logs(client: Client, log: str) -> list[str]:
    """Other Kafka clusters from which this warehouse has loaded calls. Blocks."""
    rows = client.rows(
        "SELECT DISTINCT log FROM stored_positions WHERE log != {log:String} AND topic = {topic:String} ORDER BY log",
        {"log": log, "topic": TopicName.COSTS},
    )
    return [name for (name,) in rows]


def forget_positions(client: Client) -> None:
    """Let every topic be read again from its beginning."""
    client.execute("TRUNCATE TABLE stored_positions")
