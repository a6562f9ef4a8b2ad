from __future__ import annotations

import logging

import pytest

from ingest.errors import Halted
from ingest.log import Record
from tests.unit.warehouse.fakes import RememberingClient
from warehouse.gathering import Mark, fingerprint
from warehouse.positions import StoredPositions


def record(offset: int, value: bytes = b"v", partition: int = 0) -> Record:
    return Record("llm.costs", partition, offset, b"k", value, 1000 + offset)


def started(*rows: tuple[int, int, int], is_compacted: bool = False) -> StoredPositions:
    """Positions that have been asked where to begin; `rows` are partition, position, fingerprint."""
    positions = StoredPositions(RememberingClient(list(rows)), "L", "llm.costs", is_compacted=is_compacted)
    positions.start([0, 1, 2])
    return positions


def test_reading_begins_with_the_last_record_that_was_stored() -> None:
    client = RememberingClient([(0, 7, 1), (2, 1, 2)])
    assert StoredPositions(client, "L", "llm.costs").start([0, 1, 2]) == {0: 6, 2: 0}
    assert client.asked == [{"log": "L", "topic": "llm.costs"}]


def test_the_record_that_is_read_again_is_compared_and_left_out() -> None:
    positions = started((0, 7, fingerprint(record(6))))
    new, known = positions.verified({0: [record(6), record(7)], 1: [record(0, partition=1)]})
    assert new == {0: [record(7)], 1: [record(0, partition=1)]}
    assert known == {0: Mark(7, fingerprint(record(6)), 1006)}
    assert positions.verified({0: [record(8)]}) == ({0: [record(8)]}, {})


def test_another_record_in_its_place_means_that_the_topic_was_made_anew() -> None:
    positions = started((0, 7, fingerprint(record(6, b"old"))))
    with pytest.raises(Halted, match=r"llm\.costs/0 holds another record at offset 6.*forget-positions"):
        positions.verified({0: [record(6, b"new")]})


def test_records_that_left_the_log_before_they_were_stored_are_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    positions = started((0, 7, 1))
    with caplog.at_level(logging.ERROR):
        assert positions.verified({0: [record(10)]}) == ({0: [record(10)]}, {})
    assert "the records from 7 to 9 left the log" in caplog.text


@pytest.mark.parametrize(("first", "is_compacted"), [(7, False), (10, True)])
def test_a_record_that_left_the_log_rightly_is_no_news(
    first: int, is_compacted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    positions = started((0, 7, 1), is_compacted=is_compacted)
    assert positions.verified({0: [record(first)]}) == ({0: [record(first)]}, {})
    assert not caplog.records


@pytest.mark.parametrize("end", [0, 6])
def test_a_log_that_ends_before_what_was_stored_is_not_gone_on_with(end: int) -> None:
    positions = started((0, 7, 1))
    with pytest.raises(Halted, match=f"ends at offset {end}, but was stored up to 7"):
        positions.check_ends({0: end}, {})


def test_a_log_that_is_cut_off_while_it_is_read_is_noticed() -> None:
    positions = started()
    positions.check_ends({0: 9, 1: 0}, {0: 9})
    with pytest.raises(Halted, match="ends at offset 8, but was stored up to 9"):
        positions.check_ends({0: 8}, {0: 9})


def test_a_log_that_ends_where_it_was_stored_to_is_fine() -> None:
    started((0, 7, 1)).check_ends({0: 7}, {})


def test_marks_are_recorded_for_this_log_and_topic() -> None:
    client = RememberingClient()
    positions = StoredPositions(client, "L", "llm.costs")
    positions.record({})
    positions.record({0: Mark(7, 11, 0), 3: Mark(1, 12, 0)})
    assert client.inserts == [
        ("stored_positions", [("L", "llm.costs", 0, 7, 11), ("L", "llm.costs", 3, 1, 12)])
    ]
