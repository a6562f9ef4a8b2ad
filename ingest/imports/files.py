"""Rows of a CSV or JSONL file, one at a time: plain or gzip, UTF-8 with or without a byte-order mark.

What the file is shows in its first bytes, not in its name: gzip by its magic number, JSONL by an opening brace; anything
else is a CSV whose delimiter is the one that its first line uses most (comma, semicolon, tab or bar).
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from ingest.errors import InvalidInput
from ingest.imports.values import Cell

OnBytes = Callable[[int], None]
"""Told, now and then, how many bytes of the file (compressed ones, where it is) have been read."""

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 16 * 1024 * 1024
_PEEKED = 64 * 1024
_ROWS_BETWEEN_REPORTS = 256
_DEEPEST = 4

_DECODER = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Row:
    """One row and the line it begins on, from 1. `fault` says why its cells cannot be told apart."""

    line: int
    cells: Mapping[str, Cell]
    fault: str = ""
    header: tuple[str, ...] | None = None
    """The names that all rows of a CSV share; None for a JSONL, whose rows each bring their own."""


def read_rows(path: Path, on_bytes: OnBytes | None = None) -> Iterator[Row]:
    """Every row of the file in order; blank lines are none.

    Raises InvalidInput when the file cannot be opened or read as text, is a JSON array, or has no usable header line,
    and where a quote of a CSV is never closed: from there on nobody knows what is a row.
    """
    line = 0
    try:
        with path.open("rb") as raw:
            for row in _rows(raw, on_bytes or (lambda _: None)):
                line = row.line
                yield row
    except UnicodeDecodeError as reason:
        raise InvalidInput(f"{path.name} is not UTF-8 after line {line}: {reason.reason}") from None
    except csv.Error as reason:
        raise InvalidInput(f"{path.name} is no CSV after line {line}: {reason}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as reason:
        raise InvalidInput(f"{path.name} is a broken gzip file after line {line}: {reason}") from None
    except OSError as reason:
        raise InvalidInput(f"{path} cannot be read: {reason.strerror or reason}") from None


def _rows(raw: io.BufferedReader, on_bytes: OnBytes) -> Iterator[Row]:
    plain = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    start = plain.peek(_PEEKED)[:_PEEKED].removeprefix(_UTF8_MARK).lstrip()
    if start[:2] in _UTF16:
        raise InvalidInput("the file is UTF-16; save it as UTF-8")
    if start[:1] == b"[":
        raise InvalidInput(
            "the file is one JSON array; JSONL has one object a line (jq -c '.[]' writes that)"
        )
    with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as lines:
        rows = _json_rows(lines) if start[:1] == b"{" else _csv_rows(lines, _delimiter(start))
        for number, row in enumerate(rows):
            if number % _ROWS_BETWEEN_REPORTS == 0:
                on_bytes(raw.tell())
            yield row
        on_bytes(raw.tell())


def _delimiter(start: bytes) -> str:
    header = start.partition(b"\n")[0].decode(errors="replace")
    return max(_DELIMITERS, key=header.count)


def _csv_rows(lines: io.TextIOWrapper, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = [name.strip() for name in next((cells for cells in reader if cells), [])]
    repeated = [name for name, times in Counter(filter(None, header)).items() if times > 1]
    if not any(header):
        raise InvalidInput("the file has no header line")
    if repeated:
        raise InvalidInput(f"the header names {', '.join(map(repr, repeated))} more than once")
    names, ended = tuple(filter(None, header)), reader.line_num
    for cells in reader:
        line, ended = ended + 1, reader.line_num
        if not cells:
            continue
        fault = f"{len(cells)} cells; the header has {len(header)}" if len(cells) != len(header) else ""
        # A column without a name (an index that pandas wrote) cannot be meant by anything.
        yield Row(line, {name: cell for name, cell in zip(header, cells, strict=False) if name}, fault, names)


def _json_rows(lines: io.TextIOWrapper) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cells = dict(_flat(_DECODER.decode(line)))
        except msgspec.DecodeError as reason:
            yield Row(number, {"": line.rstrip()}, f"no JSON object: {reason}")
        else:
            yield Row(number, cells)


def _flat(value: Mapping[str, object], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, object]]:
    """Members of members under dotted names (`usage.prompt_tokens`), beside the members as they are."""
    for name, member in value.items():
        yield prefix + name, member
        if isinstance(member, dict) and name != "tags" and depth < _DEEPEST:
            yield from _flat(member, f"{prefix}{name}.", depth + 1)
