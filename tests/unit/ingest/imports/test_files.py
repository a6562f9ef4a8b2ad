"""Rows of CSV and JSONL files."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.errors import InvalidInput
from ingest.imports.files import Row, read_rows

HEADER = ("time", "tokens")


def rows_of(tmp_path: Path, content: str | bytes) -> list[Row]:
    path = tmp_path / "calls"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(path))


@pytest.mark.parametrize(
    "content",
    [
        "time,tokens\n1,2\n3,4\n",
        "time,tokens\r\n1,2\r\n3,4",
        "\ufefftime,tokens\n1,2\n3,4\n",
        " time ; tokens\n1;2\n3;4\n",
        "time\ttokens\n1\t2\n3\t4\n",
        'time,"tokens"\n"1","2"\n3,4\n',
        gzip.compress(b"time,tokens\n1,2\n3,4\n", mtime=0),
        gzip.compress("\ufefftime,tokens\r\n1,2\r\n3,4".encode(), mtime=0),
    ],
)
def test_csv_in_every_dress(tmp_path: Path, content: str | bytes) -> None:
    assert rows_of(tmp_path, content) == [
        Row(2, {"time": "1", "tokens": "2"}, header=HEADER),
        Row(3, {"time": "3", "tokens": "4"}, header=HEADER),
    ]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'a,b\n\n"one\ntwo",2\n\n3,4\n')
    assert [(row.line, row.cells["a"]) for row in rows] == [(3, "one\ntwo"), (6, "3")]


def test_a_row_of_another_length_has_a_fault(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "a,b\n1\n1,2\n1,2,3\n")
    assert [row.fault for row in rows] == ["1 cells; the header has 2", "", "3 cells; the header has 2"]


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    assert rows_of(tmp_path, ",a\n0,1\n")[0].cells == {"a": "1"}


@pytest.mark.parametrize("packed", [False, True])
def test_jsonl_with_members_of_members(tmp_path: Path, packed: bool) -> None:
    lines = b'\n{"t": 1.10, "usage": {"in": 3}, "tags": {"env": "x"}}\n\nnonsense\n[1]\n{"t": 2}'
    rows = rows_of(tmp_path, gzip.compress(lines) if packed else lines)
    assert rows[0].cells == {"t": Decimal("1.10"), "usage": {"in": 3}, "usage.in": 3, "tags": {"env": "x"}}
    assert [row.line for row in rows] == [2, 4, 5, 6]
    assert [row.fault.partition(":")[0] for row in rows] == ["", "no JSON object", "no JSON object", ""]
    assert rows[1].cells == {"": "nonsense"}


def test_deep_members_end_somewhere(tmp_path: Path) -> None:
    deep: object = 1
    for _ in range(20):
        deep = {"a": deep}
    row = rows_of(tmp_path, json.dumps(deep))[0]
    assert max(name.count(".") for name in row.cells) == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "no header line"),
        ("\n\n", "no header line"),
        ("a,b,a\n1,2,3\n", "the header names 'a' more than once"),
        ('[{"a": 1}]', "one JSON array"),
        ('a,b\n1,2\n3,"4\n5,6\n', "calls is no CSV after line 2: unexpected end of data"),
        (b"a,b\n1,\xff\n", "calls is not UTF-8 after line"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 50_000)[:-12], "calls is a broken gzip file after line"),
        (b"\x1f\x8b\x08garbage", "calls is a broken gzip file after line 0"),
        (f"a,b\n1,{'x' * (16 * 1024 * 1024 + 1)}\n", "field larger than field limit"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        rows_of(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"missing\.csv cannot be read: No such file or directory"):
        list(read_rows(tmp_path / "missing.csv"))
    with pytest.raises(InvalidInput, match="Is a directory"):
        list(read_rows(tmp_path))


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("a,b\n" + "1,2\n" * 100_000)
    told: list[int] = []
    assert sum(1 for _ in read_rows(path, told.append)) == 100_000
    assert told == sorted(told)
    assert told[0] < told[-1] == path.stat().st_size
