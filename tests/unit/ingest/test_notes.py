"""Notes survive the end of their process, as a whole or not at all; what was struck out is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ingest.notes import Notes, read_notes

NAMES = st.sampled_from(["a", "b", "é", "d"])
CHANGES = st.lists(
    st.one_of(st.dictionaries(NAMES, st.binary(max_size=40), max_size=4), NAMES), max_size=12
)  # all notes anew, or one struck out


def test_nothing_was_noted(tmp_path: Path) -> None:
    assert read_notes(tmp_path / "progress") == {}
    notes = Notes(tmp_path / "progress")
    notes.write({})
    notes.strike("a")
    assert list(tmp_path.iterdir()) == []


@given(changes=CHANGES)
def test_what_is_read_is_what_was_last_written_less_what_was_struck_out(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, bytes] | str]
) -> None:
    path = tmp_path_factory.mktemp("notes") / "progress"
    notes, model = Notes(path), dict[str, bytes]()
    for change in changes:
        if isinstance(change, str):
            notes.strike(change)
            model.pop(change, None)
        else:
            notes.write(change)
            model = dict(change)
        assert read_notes(path) == model
    notes.close()
    assert not path.exists()


def test_a_file_that_is_torn_or_damaged_gives_what_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    Notes(path).write({"a": b"first", "b": b"second"})
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert read_notes(path) in ({}, {"a": b"first"})
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert read_notes(path) == {"a": b"first"}


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    Notes(tmp_path / "progress").write({"a": b"x"})
    assert oct((tmp_path / "progress").stat().st_mode & 0o777) == "0o600"
