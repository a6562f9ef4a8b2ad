"""The longest gaps: how long nothing got on while things were being killed. Pure.

The times at which rows were stored are those of the newest insert of a row: where a loader that was killed stores a
range again, they are later than they were at first, so that a gap is never shown shorter than it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from ingest.events.calls import CallFinished
from tests.chaos.comparing import Books
from tests.chaos.load import Saw, Try
from tests.chaos.serving import GATEWAY_LOST


def gaps(books: Books, tries: Iterable[Try], wall: tuple[float, float]) -> dict[str, float]:
    """Seconds; `wall` is the time of the load, in seconds since 1970."""
    log, rows = books.log, books.other.rows
    ours = [
        call_id for call_id in log.finished if call_id not in books.invented and _was_seen(log.call(call_id))
    ]
    appended = {call_id: log.finished[call_id][0].at_ms / 1000 for call_id in ours}
    ended = {call_id: log.call(call_id).finished_at.timestamp() for call_id in ours}
    stored = {call_id: rows[call_id]["inserted_s"] for call_id in ours if call_id in rows}
    priced = {c: log.costed[c][0].at_ms / 1000 - ended[c] for c in ours if c in log.costed}
    answered = sorted(one.ended for one in tries if one.saw is Saw.WHOLE)
    delays = sorted(stored[call_id] - ended[call_id] for call_id in stored)
    return {
        "without a whole answer at any client": _longest(answered),
        "without a newly ended call on llm.calls": _longest(
            [wall[0], *_within(appended.values(), wall), wall[1]]
        ),
        "without a newly stored call": _longest([wall[0], *_within(stored.values(), wall), wall[1]]),
        "from a call's end to its place on llm.calls": max(
            (appended[c] - ended[c] for c in ours), default=0.0
        ),
        "from a call's end to its cost on llm.costs": max(priced.values(), default=0.0),
        "from a call's end to its row in the warehouse": max(delays, default=0.0),
        "the same, of every second call at most": _at(delays, 0.5),
        "the same, of 95 of 100 calls at most": _at(delays, 0.95),
    }


def _was_seen(finished: CallFinished) -> bool:
    return finished.error_type != GATEWAY_LOST


def _within(moments: Iterable[float], wall: tuple[float, float]) -> list[float]:
    return sorted(moment for moment in moments if wall[0] <= moment <= wall[1])


def _longest(moments: list[float]) -> float:
    return max((after - before for before, after in pairwise(moments)), default=0.0)


def _at(ordered: list[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0
