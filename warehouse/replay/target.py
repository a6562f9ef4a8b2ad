"""The database that a replay fills: empty before, and marked, so that a replay that was interrupted finds itself again.

The mark is a table of the target alone, `replay_plan`: what is read, from where to where. It is written before the first
row, so that a database with rows and without a mark is somebody's warehouse and is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ingest.errors import InvalidInput
from ingest.kafka.spans import Span
from ingest.topics import TopicName
from warehouse.client import Client
from warehouse.columns import Table
from warehouse.errors import SchemaMissing
from warehouse.positions import StoredPositions
from warehouse.replay.plan import COMPACTED, Plan

_MARK = Table(
    "replay_plan",
    (
        ("log", "String"),
        ("topic", "LowCardinality(String)"),
        ("kafka_partition", "UInt32"),
        ("begin", "UInt64"),
        ("end", "UInt64"),
    ),
)
_DDL = """CREATE TABLE IF NOT EXISTS replay_plan
(log String, topic LowCardinality(String), kafka_partition UInt32, begin UInt64, end UInt64,
 begun_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY (log, topic, kafka_partition)"""
_BOOKKEEPING = frozenset({"schema_migrations", "replay_plan"})


def planned(client: Client) -> Plan | None:
    """The plan of a replay that was begun in this database, None where there is none. Blocks."""
    try:
        rows = client.rows(
            "SELECT log, topic, kafka_partition, begin, end FROM replay_plan FINAL ORDER BY topic, kafka_partition"
        )
    except SchemaMissing:
        return None
    if not rows:
        return None
    found: defaultdict[TopicName, dict[int, Span]] = defaultdict(dict)
    for _, topic, partition, begin, end in rows:
        found[TopicName(topic)][partition] = Span(begin, end)
    return Plan(rows[0][0], dict(found))


def mark(client: Client, plan: Plan) -> None:
    """Write the plan down; the tables must have been made. Blocks."""
    client.execute(_DDL)
    rows = [
        (plan.log, str(topic), partition, span.begin, span.end)
        for topic, of_topic in plan.spans.items()
        for partition, span in of_topic.items()
    ]
    client.insert(_MARK, list(zip(*rows, strict=True)))


def check_empty(client: Client) -> None:
    """Raises InvalidInput when the database holds anything but our tables without a row. Blocks."""
    if held := _held(client):
        names = ", ".join(f"{name} ({rows:,} rows)" for name, rows in held[:3])
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        raise InvalidInput(
            f"the database {client.database} is not empty: it holds {names}{more}; name one that does not exist yet, or"
            " drop it first"
        )


def _held(client: Client) -> Sequence[tuple[str, int]]:
    try:
        rows = client.rows(
            "SELECT name, ifNull(total_rows, 0) FROM system.tables"
            " WHERE database = {database:String} AND ifNull(total_rows, 0) > 0 ORDER BY name",
            {"database": client.database},
        )
    except SchemaMissing:
        return []
    return [(name, count) for name, count in rows if name not in _BOOKKEEPING]


def check_log(client: Client, plan: Plan, now: Plan) -> None:
    """Raises InvalidInput when an interrupted replay (`plan`) cannot be taken up on the log as it is (`now`). Blocks."""
    if plan.log != now.log:
        raise InvalidInput(
            f"the replay in {client.database} was begun from another log ({plan.log}, this one is {now.log}); drop the"
            " database and begin again"
        )
    stored = {topic: _stored(client, plan.log, topic) for topic in plan.spans}
    for topic, of_topic in plan.spans.items():
        for partition, span in of_topic.items():
            held = now.spans.get(topic, {}).get(partition)
            reached = max(span.begin, stored[topic].get(partition, 0))
            if held is None or held.end < span.end:
                raise InvalidInput(
                    f"{topic}/{partition} was to be read up to offset {span.end:,} and no longer goes that far: the topic was"
                    " made anew; drop the database and begin again"
                )
            if held.begin > reached and topic not in COMPACTED and reached < span.end:
                raise InvalidInput(
                    f"{topic}/{partition} has lost the records from {reached:,} to {held.begin - 1:,} before they were"
                    " replayed (their time was over); drop the database and begin again"
                )


def _stored(client: Client, log: str, topic: TopicName) -> dict[int, int]:
    return {number: mark.position for number, mark in StoredPositions(client, log, topic).stored().items()}
