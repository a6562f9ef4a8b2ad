"""Records that nobody can use. Each has a key by which it is known again; the bytes are those of real accidents."""

from __future__ import annotations

import json
import random
from datetime import datetime
from decimal import Decimal

from ingest.codec import encode_event
from ingest.events.calls import CallFinished
from ingest.events.costs import CallCost, CallCosted
from ingest.events.governance import TeamDefined
from ingest.topics import TopicName

_KEY = b"garbage-"


def is_garbage(key: bytes | None) -> bool:
    """Whether a record was made here."""
    return key is not None and key.startswith(_KEY)


def garbage(
    rng: random.Random, number: int, topic: TopicName, good: CallFinished, now: datetime
) -> tuple[bytes, bytes | None]:
    """Key and value of one that does not belong on `topic`. `good` is a call to be spoiled; it must occur nowhere else."""
    return _KEY + str(number).encode(), rng.choice(_spoiled(topic, good, now))


def _spoiled(topic: TopicName, good: CallFinished, now: datetime) -> list[bytes | None]:
    whole = encode_event(good, id="garbage/finished", source="garbage", time=now)
    other = TeamDefined(team="nobody", defined_at=now)
    found: list[bytes | None] = [
        None,
        b"",
        b"\x00\xff\xfe not even text",
        whole[: len(whole) // 2],
        b'{"garbage": true}',
        b"[" * 100_000,
        whole.replace(b"spendstream.CallFinished", b"spendstream.CallForgotten"),
        whole.replace(b"CallFinished:", b"CallFinished:99"),
        _without_zone(whole),
        encode_event(other, id="garbage/other", source="garbage", time=now),
    ]
    if topic is TopicName.COSTS:
        found += [whole, _unequal_parts(good, now)]
    return found


def _without_zone(whole: bytes) -> bytes:
    event = json.loads(whole)
    event["data"]["finished_at"] = "2026-11-24T00:00:00"
    return json.dumps(event).encode()


def _unequal_parts(good: CallFinished, now: datetime) -> bytes:
    cost = CallCost(cost_usd=Decimal("1.000000000001"), input_cost_usd=Decimal(1), price_version="garbage")
    return encode_event(CallCosted(good, cost), id="garbage/costed", source="garbage", time=now)
