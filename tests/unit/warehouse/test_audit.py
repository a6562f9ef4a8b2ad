from __future__ import annotations

import asyncio
from decimal import Decimal

from ingest.codec import Event, encode_event
from ingest.log import Outgoing
from ingest.memory import MemoryFollower, MemoryLog
from ingest.topics import TopicName
from tests.builders import AT, a_call_costed, corrected
from tests.unit.warehouse.fakes import RememberingClient
from warehouse.audit import Charge, LogTotals, Wrong, compare, read_log, render


def totals_of(*events: Event | bytes, stored: int = 1000) -> LogTotals:
    async def read() -> LogTotals:
        log = MemoryLog(partitions=1)
        values = [e if isinstance(e, bytes) else encode_event(e, id="i", source="s", time=AT) for e in events]
        await log.publish([Outgoing(TopicName.COSTS, "k", value) for value in values])
        return await read_log(MemoryFollower(log, TopicName.COSTS), {0: stored})

    return asyncio.run(read())


def test_repeats_count_once_and_the_highest_version_holds_in_any_order() -> None:
    one, two = a_call_costed(call_id="1", cost_usd="1"), a_call_costed(call_id="2", cost_usd="2")
    later = corrected(two, version=3, cost_usd="5")
    orders: list[list[Event]] = [
        [one, two, one, later],
        [later, two, one, corrected(two, version=2, cost_usd="9")],
    ]
    for events in orders:
        totals = totals_of(*events)
        assert (totals.calls, totals.cost_usd) == (2, Decimal(6))


def test_only_what_is_recorded_as_stored_counts() -> None:
    assert totals_of(a_call_costed(), a_call_costed(), stored=1).calls == 1


def test_what_cannot_be_read_is_counted_apart() -> None:
    totals = totals_of(b"junk", a_call_costed())
    assert (totals.calls, totals.unreadable) == (1, 1)


def test_calls_that_are_missing_or_otherwise_are_found() -> None:
    calls = [a_call_costed(call_id=str(n), cost_usd="1", team="t") for n in range(4)]
    # The warehouse: 0 as it should be, 1 at another price, 2 in another version, 3 only with another team.
    client = RememberingClient(
        [
            ("0", "t", 1, Decimal(1)),
            ("1", "t", 1, Decimal(2)),
            ("2", "t", 2, Decimal(1)),
            ("3", "u", 1, Decimal(1)),
        ]
    )
    expected = Charge(1, Decimal("1.000000000000"))
    assert list(compare(client, totals_of(*calls))) == [
        Wrong("1", "t", expected, Charge(1, Decimal(2))),
        Wrong("2", "t", expected, Charge(2, Decimal(1))),
        Wrong("3", "t", expected, None),
    ]


def test_the_verdict_stands_in_the_last_line() -> None:
    totals = totals_of(a_call_costed(cost_usd="1"), b"junk")
    assert render(totals, []).splitlines()[-1] == "every call is as on the log"
    wrong = [Wrong(str(n), "t", Charge(1, Decimal(1)), None) for n in range(25)]
    lines = render(totals, wrong).splitlines()
    assert lines[1] == "1 records of the log cannot be read (see dead_letters)"
    assert lines[2] == "WRONG    call 0 of t: log $1 (version 1), missing"
    assert lines[-2:] == ["… and 5 more", "25 calls are not as on the log"]
