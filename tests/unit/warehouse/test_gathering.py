from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.log import Record
from warehouse.gathering import Batch, Gathering, Limits, Mark, fingerprint


def record(
    partition: int = 0, offset: int = 0, value: bytes | None = b"v", key: bytes | None = b"k"
) -> Record:
    return Record("llm.costs", partition, offset, key, value, 1000 + offset)


def test_a_batch_is_due_when_it_has_enough_records() -> None:
    gathering = Gathering(Limits(records=3, age_s=10))
    assert gathering.due_in(0.0) is None
    gathering.add({0: [record(0, 0), record(0, 1)]}, now=5.0)
    assert (gathering.due_in(5.0), gathering.room) == (10.0, 1)
    gathering.add({1: [record(1, 0)]}, now=6.0)
    assert (gathering.due_in(6.0), gathering.room) == (0.0, 1)


def test_a_batch_is_due_when_it_has_enough_bytes() -> None:
    gathering = Gathering(Limits(bytes=10, age_s=10))
    gathering.add({0: [record(value=b"12345"), record(value=None)]}, now=0.0)
    assert gathering.due_in(0.0) == 10.0
    gathering.add({0: [record(value=b"67890")]}, now=0.0)
    assert gathering.due_in(0.0) == 0.0


def test_a_batch_is_due_when_its_first_record_has_waited_long_enough() -> None:
    gathering = Gathering(Limits(age_s=2.0))
    gathering.add({0: []}, now=1.0)
    assert gathering.due_in(1.0) is None
    gathering.add({0: [record()]}, now=3.0)
    gathering.add({0: [record(0, 1)]}, now=4.5)
    assert gathering.due_in(4.5) == 0.5
    assert gathering.due_in(9.0) == 0.0


def test_closing_begins_anew() -> None:
    gathering = Gathering(Limits(records=2, age_s=2.0))
    gathering.add({0: [record(0, 0), record(0, 1)]}, now=0.0)
    assert [r.offset for r in gathering.close().records] == [0, 1]
    assert (gathering.due_in(9.0), gathering.room) == (None, 2)
    gathering.add({0: [record(0, 2)]}, now=10.0)
    assert gathering.due_in(10.0) == 2.0


def test_the_marks_of_a_batch_stand_after_the_last_record_of_each_partition() -> None:
    last = record(0, 8, b"last")
    batch = Batch([record(0, 7), record(3, 1), last])
    assert batch.marks() == {0: Mark(9, fingerprint(last), 1008), 3: Mark(2, fingerprint(record(3, 1)), 1001)}


def test_a_token_names_the_ranges() -> None:
    batch = Batch([record(0, 7), record(0, 8), record(3, 1)])
    eight, one = fingerprint(record(0, 8)), fingerprint(record(3, 1))
    assert batch.token("L") == f"L:llm.costs:0:7-8:{eight:x},llm.costs:3:1-1:{one:x}"


def test_records_that_were_read_again_within_a_batch_are_a_run_of_their_own() -> None:
    assert Batch([record(0, 7), record(0, 8), record(0, 7)]).token("L").count("llm.costs") == 2
    assert len(Batch([record(n, 0) for n in range(50)]).token("L")) == 64


RECORDS = st.lists(
    st.builds(record, st.integers(0, 2), st.integers(0, 3), st.binary(max_size=2) | st.none()),
    min_size=1,
    max_size=6,
)


@given(RECORDS, RECORDS)
def test_batches_of_different_places_have_different_tokens(one: list[Record], other: list[Record]) -> None:
    if [(r.partition, r.offset) for r in one] != [(r.partition, r.offset) for r in other]:
        assert Batch(one).token("L") != Batch(other).token("L")
    assert Batch(one).token("L") == Batch(list(one)).token("L")
    assert Batch(one).token("L") != Batch(one).token("another log")


def test_a_topic_that_was_made_anew_gives_another_token_for_the_same_range() -> None:
    assert Batch([record(0, 0, b"old")]).token("L") != Batch([record(0, 0, b"new")]).token("L")


def test_fingerprints_tell_key_value_and_no_value_apart() -> None:
    prints = [
        fingerprint(record(key=key, value=value))
        for key, value in [(b"a", b"b"), (b"", b"ab"), (None, b"x"), (b"a", b""), (b"a", None)]
    ]
    assert len(set(prints)) == len(prints)
    assert all(0 <= p < 2**64 for p in prints)
