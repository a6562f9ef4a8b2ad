"""Dead letters in the warehouse: what they are, and what people did with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from ingest.codec import Event, encode_event
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved, LetterAction
from ingest.log import Record
from tests.builders import AT
from warehouse.client import Client
from warehouse.destinations import DeadLetters

pytestmark = pytest.mark.integration

LATER = AT + timedelta(seconds=1)


def load(warehouse: Client, events: Sequence[Event]) -> None:
    destination = DeadLetters(warehouse)
    records = [
        Record("dead.letters", 0, n, b"llm.calls", encode_event(event, id=str(n), source="s", time=AT))
        for n, event in enumerate(events)
    ]
    destination.insert([destination.row(record) for record in records], token="")


def test_letters_are_open_until_somebody_resolves_them(warehouse: Client) -> None:
    letters = [DeadLetter("llm.calls", 1, n, "no envelope", b"k", b"\xff", AT) for n in range(4)]
    load(
        warehouse,
        [
            *letters,
            DeadLetterFixed("llm.calls", 1, 1, b"{}", AT, "ada"),
            DeadLetterFixed("llm.calls", 1, 2, b"{}", AT, "ada"),
            DeadLetterResolved("llm.calls", 1, 2, LetterAction.REPLAYED, LATER, "ada", "", 99),
            DeadLetterResolved("llm.calls", 1, 3, LetterAction.DISMISSED, LATER, "bob", "a test"),
            letters[3],
        ],
    )
    found = warehouse.rows(
        "SELECT kafka_offset, state, is_fixed, acted_at, acted_by, note, replayed_to FROM dead_letters_current"
        " ORDER BY kafka_offset"
    )
    assert found == [
        (0, "open", False, None, "", "", None),
        (1, "open", True, AT, "ada", "", None),
        (2, "replayed", True, LATER, "ada", "", 99),
        (3, "dismissed", False, LATER, "bob", "a test", None),
    ]


def test_a_letter_that_was_put_right_again_is_open_again(warehouse: Client) -> None:
    load(
        warehouse,
        [
            DeadLetter("llm.calls", 1, 1, "no envelope", None, None, AT),
            DeadLetterResolved("llm.calls", 1, 1, LetterAction.REPLAYED, AT, "ada", "", 5),
            DeadLetterFixed("llm.calls", 1, 1, b"{}", LATER, "ada"),
        ],
    )
    assert warehouse.rows("SELECT state FROM dead_letters_current") == [("open",)]
