from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given

from ingest.events.calls import CallFinished, Outcome
from ingest.events.costs import CallCosted
from ingest.pricing.book import GenaiPriceBook
from streams.costing import cost_call
from streams.reprice.differences import Tally, reprice
from streams.reprice.table import render
from tests.builders import a_call_costed, corrected
from tests.strategies import finished_calls
from warehouse.rows import CALLS, call_row

BOOK = GenaiPriceBook()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RIGHT = Decimal("0.0055")  # gpt-4o: 1000 in at $2.50 and 300 out at $10.00 a million


def as_read(event: Any) -> dict[str, Any]:
    found = dict(zip(CALLS.names, call_row(event, 0, 0), strict=True))
    for name in ("started_at", "finished_at"):
        found[name] = EPOCH + timedelta(microseconds=found[name])
    return found


@given(finished_calls())
def test_what_was_costed_with_a_book_does_not_change_with_it(finished: CallFinished) -> None:
    """Also through the row: pricing twice is pricing once."""
    costed = cost_call(finished, BOOK)
    again = reprice(as_read(costed), BOOK)
    assert not again.is_changed
    assert msgspec.structs.replace(again.after, components=()) == msgspec.structs.replace(
        costed.cost, components=()
    )


def test_a_wrong_price_is_found_and_corrected() -> None:
    wrong = a_call_costed(cost_usd="1")
    one = reprice(as_read(wrong), BOOK)
    assert one.is_changed
    event = one.correction(77, "wrong price", NOW)
    assert event.finished == msgspec.structs.replace(wrong.finished, response_model="")
    assert (event.previous_cost_usd, event.cost.cost_usd, event.version) == (Decimal(1), RIGHT, 77)
    assert (event.previous_version, event.reason, event.corrected_at) == (1, "wrong price", NOW)


def test_it_is_the_newest_version_that_is_corrected() -> None:
    first = a_call_costed(cost_usd="1")
    one = reprice(as_read(corrected(first, 9, cost_usd="0.5")), BOOK)
    event = one.correction(77, "", NOW)
    assert (event.previous_version, event.previous_cost_usd) == (9, Decimal("0.5"))


def test_a_late_call_stays_marked_as_late() -> None:
    row = as_read(a_call_costed()) | {"time_flag": "late"}
    assert reprice(row, BOOK).correction(77, "", NOW).time_flag == "late"


def test_another_price_version_that_comes_to_the_same_is_no_change() -> None:
    costed = cost_call(a_call_costed().finished, BOOK)
    older = CallCosted(costed.finished, msgspec.structs.replace(costed.cost, price_version="older"))
    assert not reprice(as_read(older), BOOK).is_changed


def test_a_list_price_that_differs_is_a_change_although_the_cost_is_not() -> None:
    costed = cost_call(a_call_costed().finished, BOOK)
    odd = msgspec.structs.replace(costed.cost, list_cost_usd=Decimal(9))
    assert reprice(as_read(CallCosted(costed.finished, odd)), BOOK).is_changed


def test_a_call_without_a_price_that_turns_out_to_be_free_is_a_change() -> None:
    """Nobody knew what it cost; now it is known to be nothing."""
    free = a_call_costed(model="omni-moderation-latest", response_model="", cost_usd="0", is_priced=False)
    one = reprice(as_read(free), BOOK)
    assert (one.before.is_priced, one.after.is_priced) == (False, True)
    assert one.before.cost_usd == one.after.cost_usd == 0
    assert one.is_changed


def a_tally(now: datetime = NOW) -> Tally:
    tally = Tally(now)
    unknown = a_call_costed(
        team="b", model="nobody-knows", response_model="nobody-knows", cost_usd="0", is_priced=False
    )
    found = a_call_costed(team="a", cost_usd="0", is_priced=False)
    for event in (
        a_call_costed(team="a", cost_usd="1"),
        found,
        cost_call(a_call_costed(team="a").finished, BOOK),
        unknown,
        a_call_costed(team="b", outcome=Outcome.REFUSED, usage=None, cost_usd="0"),
    ):
        tally.add(reprice(as_read(event), BOOK))
    return tally


def test_the_sums_are_by_team_and_model() -> None:
    tally = a_tally()
    sums = tally.groups["a", "gpt-4o"]
    assert (sums.calls, sums.changed, sums.newly_priced, sums.still_unpriced) == (3, 2, 1, 0)
    assert (sums.before_usd, sums.after_usd) == (1 + RIGHT, 3 * RIGHT)
    unknown = tally.groups["b", "nobody-knows"]
    assert (unknown.changed, unknown.still_unpriced) == (0, 1)
    total = tally.total()
    assert (total.calls, total.difference_usd) == (5, 2 * RIGHT - 1)


def test_the_table_has_a_line_for_each_and_the_greatest_difference_first() -> None:
    lines = render(a_tally()).splitlines()
    assert lines[0].split() == (
        [
            "team",
            "model",
            "calls",
            "changed",
            "before",
            "after",
            "difference",
            "newly",
            "priced",
            "still",
            "unpriced",
        ]
    )
    assert lines[1].split() == ["a", "gpt-4o", "3", "2", "$1.01", "$0.016", "-$0.99", "1", "0"]
    assert {line.split()[1] for line in lines[2:4]} == {"gpt-4o", "nobody-knows"}
    assert lines[-1].split()[:3] == ["all", "5", "2"]


def test_calls_that_lose_their_price_are_told_of_apart() -> None:
    """field-pain: never zero in silence; a price that was ended by mistake would take a month's costs away."""
    tally = Tally(NOW)
    lost = a_call_costed(model="nobody-knows", response_model="nobody-knows", cost_usd="1")
    tally.add(reprice(as_read(lost), BOOK))
    total = tally.total()
    assert (total.changed, total.no_longer_priced, total.still_unpriced) == (1, 1, 0)
    assert "1 of the changed calls had a price and have none any more" in render(tally)
    assert "any more" not in render(a_tally())


def test_what_concerns_closed_months_is_told() -> None:
    assert "closed months" not in render(a_tally(datetime(2026, 12, 4, 23, 59, 59, tzinfo=UTC)))
    told = render(a_tally(datetime(2026, 12, 5, tzinfo=UTC)))
    assert told.endswith(
        "2 of the changed calls are of closed months: -$0.99 of the difference will stand as a correction in the month of today"
    )
