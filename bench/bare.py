"""The yardstick: a bare aiokafka loop that decodes, prices and inserts the events of `llm.calls`, and nothing else.

No budgets, no order to keep through a crash, no positions, no rollup: what the same work costs without any of the
promises. It uses the very functions of the worker for decoding, pricing and rows, and the same client for the inserts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.codec import decode_event
from ingest.events.calls import CallFinished
from ingest.pricing.book import GenaiPriceBook, PriceBook
from ingest.topics import TopicName
from streams.costing import cost_call
from warehouse.client import Client, create_client
from warehouse.rows import CALLS, Row, call_row

_BATCH = 20_000
_FETCH_BYTES = 4 * 1024 * 1024


def main() -> int:
    """Prints one line of JSON: calls, seconds, processor seconds, and the seconds in each part."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--clickhouse", required=True)
    parser.add_argument(
        "--begin", required=True, type=json.loads, help="JSON: partition -> offset to begin at"
    )
    parser.add_argument(
        "--end", required=True, type=json.loads, help="JSON: partition -> offset to end before"
    )
    options = parser.parse_args()
    begin = {int(number): offset for number, offset in options.begin.items()}
    end = {int(number): offset for number, offset in options.end.items()}
    client = create_client(options.clickhouse)
    print(json.dumps(uvloop.run(_run(options.kafka, client, begin, end))))
    return 0


class _Loop:
    """Collects rows and inserts them."""

    def __init__(self, client: Client, book: PriceBook) -> None:
        self._client = client
        self._book = book
        self._rows: list[Row] = []
        self.calls = 0
        self.spent = {"decode": 0.0, "price": 0.0, "insert": 0.0}

    def take(self, messages: list[Any]) -> None:
        clock = time.perf_counter
        began = clock()
        events = [(decode_event(m.value).data, m) for m in messages]
        decoded = clock()
        costed = [(cost_call(e, self._book), m) for e, m in events if isinstance(e, CallFinished)]
        priced = clock()
        self._rows += [call_row(event, m.partition, m.offset) for event, m in costed]
        if len(self._rows) >= _BATCH:
            self.insert()
        self.spent["decode"] += decoded - began
        self.spent["price"] += priced - decoded
        self.spent["insert"] += clock() - priced

    def insert(self) -> None:
        """Synchronous, as a bare loop would: nothing else wants the core meanwhile."""
        if self._rows:
            self._client.insert(CALLS, list(zip(*self._rows, strict=True)))
        self.calls += len(self._rows)
        self._rows = []


async def _run(
    kafka: str, client: Client, begin: Mapping[int, int], end: Mapping[int, int]
) -> dict[str, Any]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, max_partition_fetch_bytes=_FETCH_BYTES
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TopicName.CALLS, number) for number in begin])
        for number, offset in begin.items():
            consumer.seek(TopicPartition(TopicName.CALLS, number), offset)
        loop, left = _Loop(client, GenaiPriceBook()), sum(end.values()) - sum(begin.values())
        began, processor = time.monotonic(), time.process_time()
        while left:
            for messages in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                loop.take(messages)
                left -= len(messages)
        loop.insert()
        return {
            "calls": loop.calls,
            "seconds": time.monotonic() - began,
            "cpu_s": time.process_time() - processor,
            "parts_s": loop.spent,
        }
    finally:
        await consumer.stop()


if __name__ == "__main__":
    sys.exit(main())
