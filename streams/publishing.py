"""Publishing many records in order, in slices that Kafka takes or refuses as one.

Readers of `budget.charges` rely on the charges of a partition of `llm.calls` arriving in order *without holes*: a ledger
that has seen a later one takes an earlier one for a repeat. A producer splits what it is given into batches, and could
lose one and deliver the next; a slice is smaller than a batch, and is awaited before the next one is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingest.log import EventPublisher, Outgoing

SLICE_BYTES = 160 * 1024
"""Below the publisher's batch of 256 KiB with room for what a batch adds to each record."""
_OVERHEAD_BYTES = 64


async def publish_in_order(publisher: EventPublisher, records: Sequence[Outgoing]) -> None:
    """Returns once all of `records` are on the log. Raises LogUnavailable; then a beginning of them may be there."""
    for part in slices(records):
        await publisher.publish(part)


def slices(records: Sequence[Outgoing], limit: int = SLICE_BYTES) -> Iterator[Sequence[Outgoing]]:
    """`records`, in order, cut so that no slice of more than one record exceeds `limit` bytes."""
    start, size = 0, 0
    for number, record in enumerate(records):
        own = len(record.key) + len(record.value or b"") + _OVERHEAD_BYTES
        if size and size + own > limit:
            yield records[start:number]
            start, size = number, 0
        size += own
    if start < len(records):
        yield records[start:]
