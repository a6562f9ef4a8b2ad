"""A journal on disk in front of the log: a record is safe from a `kill -9` once `append` returns.

Records are appended to segment files (`00000001.seg`, …), read back in the order in which they were appended, and a
segment is deleted once everything in it is acknowledged. What was not acknowledged when a process died is there for
the next one, at least once: the cursor file says how far, and where it is missing or torn the segment begins again.

    record  = length (4 bytes) crc32 of length and payload (4 bytes) payload      all little-endian
    cursor  = segment (8 bytes) offset (8 bytes) crc32 of both (4 bytes)

A folder belongs to one process at a time (`flock` on its file `lock`). Writes go to the page cache without fsync: they
survive the end of the process, not of the power. Recent records are also kept in memory, so that while the log takes
them nothing is read back from disk.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import struct
import zlib
from collections import deque
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ingest.errors import Unavailable

_LOG = logging.getLogger(__name__)
_HEAD = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_CURSOR = struct.Struct("<QQI")
SEGMENT_BYTES = 8 * 1024 * 1024
LARGEST_RECORD_BYTES = 64 * 1024 * 1024


class SpoolFull(Unavailable):
    """The spool's limit is reached, or the disk takes no more; the record was not written."""


class SpoolInUse(Unavailable):
    """Another process holds this folder."""


class Position(NamedTuple):
    """A place between two records."""

    segment: int
    offset: int


class Batch(NamedTuple):
    """Records in order, and the position after the last of them."""

    payloads: list[bytes]
    end: Position


class Spool:
    """One folder of segments, opened and locked. `max_bytes` bounds all segments on disk together.

    Raises SpoolInUse when another process has it open.
    """

    def __init__(self, folder: Path, max_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(folder)
        self._sizes = {int(path.stem): path.stat().st_size for path in folder.glob("*.seg")}
        self._total = sum(self._sizes.values())
        self._cursor_file = os.open(folder / "cursor", os.O_RDWR | os.O_CREAT, 0o600)
        self._cursor = self._first_unacknowledged()
        self._current = max(self._sizes, default=self._cursor.segment - 1)
        self._segment_file: int | None = None
        self._recent: deque[tuple[bytes, Position]] = deque()
        self._recent_bytes = 0
        # Whether `_recent` holds everything from the cursor on.
        self._is_all_recent = self._cursor >= self._end()
        self._discard_before(self._cursor)

    @property
    def pending_bytes(self) -> int:
        """Bytes that were appended and not yet acknowledged."""
        acknowledged = self._cursor.offset if self._cursor.segment in self._sizes else 0
        return self._total - acknowledged

    @property
    def is_empty(self) -> bool:
        """Whether everything is acknowledged."""
        return self.pending_bytes == 0

    def append(self, payload: bytes) -> None:
        """Write one record; it survives the end of this process. Raises SpoolFull and leaves everything as it was."""
        size = _HEAD.size + len(payload)
        if len(payload) > LARGEST_RECORD_BYTES:
            raise SpoolFull(f"a record of {len(payload)} bytes exceeds {LARGEST_RECORD_BYTES} bytes")
        if self._total + size > self.max_bytes:
            raise SpoolFull(f"the spool holds {self.pending_bytes} bytes of its {self.max_bytes}")
        try:
            self._write(_HEAD.pack(len(payload), _checksum(payload)) + payload)
        except OSError as reason:
            raise SpoolFull(f"the spool in {self.folder} cannot be written: {reason}") from reason
        if self._is_all_recent:
            self._remember(payload)

    def read(self, max_records: int = 500, max_bytes: int = 4 * 1024 * 1024) -> Batch:
        """The next records after the acknowledged ones, without taking them away; empty when there are none.

        Reading again without `acknowledge` gives the same records (and later ones). At least one record is given even
        if it is larger than `max_bytes`.
        """
        if self._is_all_recent:
            return self._read_recent(max_records, max_bytes)
        batch = self._read_disk(max_records, max_bytes)
        if not batch.payloads:
            # Only torn or damaged tails were left.
            self.acknowledge(batch.end)
        return batch

    def acknowledge(self, end: Position) -> None:
        """Everything before `end` (of a batch that was read) is on the log; it will not be given out again."""
        if end <= self._cursor:
            return
        while self._recent and self._recent[0][1] <= end:
            self._recent_bytes -= len(self._recent.popleft()[0])
        self._cursor = end
        os.pwrite(self._cursor_file, _pack_cursor(end), 0)
        self._discard_before(end)
        if not self._is_all_recent and self._cursor >= self._end():
            self._is_all_recent = True

    def close(self, keep: bool = False) -> None:
        """Give the folder up. It is removed when everything in it is acknowledged, unless it is to be kept as a sign
        that there was a process which did not come to its end."""
        if self._segment_file is not None:
            os.close(self._segment_file)
            self._segment_file = None
        os.close(self._cursor_file)
        if self.is_empty and not keep:
            for path in [*self.folder.glob("*.seg"), self.folder / "cursor", self.folder / "lock"]:
                path.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()
        os.close(self._lock)

    def _end(self) -> Position:
        return Position(self._current, self._sizes.get(self._current, 0))

    def _write(self, record: bytes) -> None:
        size = self._sizes.get(self._current, 0)
        if self._segment_file is None or (size and size + len(record) > self._segment_bytes):
            self._start_segment()
            size = 0
        assert self._segment_file is not None
        try:
            written = os.write(self._segment_file, record)
        except OSError:
            os.ftruncate(self._segment_file, size)
            raise
        if written < len(record):
            os.ftruncate(self._segment_file, size)
            raise OSError("the disk is full")
        self._sizes[self._current] = size + len(record)
        self._total += len(record)

    def _start_segment(self) -> None:
        """A new file: never behind a torn record that an earlier process left."""
        number = self._current + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        opened = os.open(self.folder / f"{number:08d}.seg", flags, 0o600)
        if self._segment_file is not None:
            os.close(self._segment_file)
        self._segment_file = opened
        was_at_end = self._cursor >= self._end()
        self._current = number
        self._sizes[number] = 0
        if was_at_end:
            self._cursor = Position(number, 0)
            self._discard_before(self._cursor)

    def _remember(self, payload: bytes) -> None:
        self._recent.append((payload, self._end()))
        self._recent_bytes += len(payload)
        if self._recent_bytes > self._segment_bytes:
            # The log does not keep up: what is pending is read from disk until it does.
            self._recent.clear()
            self._recent_bytes = 0
            self._is_all_recent = False

    def _read_recent(self, max_records: int, max_bytes: int) -> Batch:
        payloads: list[bytes] = []
        end, size = self._cursor, 0
        for payload, after in itertools.islice(self._recent, max_records):
            size += len(payload)
            if payloads and size > max_bytes:
                break
            payloads.append(payload)
            end = after
        return Batch(payloads, end)

    def _read_disk(self, max_records: int, max_bytes: int) -> Batch:
        payloads: list[bytes] = []
        end, size = self._cursor, 0
        for number in sorted(n for n in self._sizes if n >= self._cursor.segment):
            offset = self._cursor.offset if number == self._cursor.segment else 0
            with (self.folder / f"{number:08d}.seg").open("rb") as file:
                file.seek(offset)
                while len(payloads) < max_records and (payload := _read_record(file, number)) is not None:
                    size += len(payload)
                    if payloads and size > max_bytes:
                        return Batch(payloads, end)
                    offset += _HEAD.size + len(payload)
                    payloads.append(payload)
                    end = Position(number, offset)
            if len(payloads) >= max_records:
                return Batch(payloads, end)
            # Nothing more that can be read in this segment: acknowledging the batch acknowledges its torn tail.
            end = Position(number, self._sizes[number])
        return Batch(payloads, end)

    def _first_unacknowledged(self) -> Position:
        first = Position(min(self._sizes, default=1), 0)
        stored = _unpack_cursor(os.pread(self._cursor_file, _CURSOR.size, 0))
        if stored is None or stored < first:
            return first
        if stored.segment in self._sizes:
            return stored if stored.offset <= self._sizes[stored.segment] else Position(stored.segment, 0)
        later = [number for number in self._sizes if number > stored.segment]
        return Position(min(later), 0) if later else Position(stored.segment + 1, 0)

    def _discard_before(self, position: Position) -> None:
        for number in [n for n in self._sizes if n < position.segment]:
            (self.folder / f"{number:08d}.seg").unlink(missing_ok=True)
            self._total -= self._sizes.pop(number)


def take_over(root: Path, name: str, max_bytes: int) -> tuple[Spool, list[Spool]]:
    """The spool `root/name` for this process, and those that dead processes left, with something in them or not.

    A process that ends in good order removes its folder: one that is there and not locked belongs to a process that was
    killed, or that left something open. The caller sends what they hold, says that they have gone, and closes them, which
    removes them. Only one process at a time takes over below a root, so that none is taken for dead between making its
    folder and locking it.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    one_at_a_time = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        own = Spool(root / name, max_bytes)
        return own, _leftovers(root, name, max_bytes)
    finally:
        os.close(one_at_a_time)


def _leftovers(root: Path, name: str, max_bytes: int) -> list[Spool]:
    left = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name != name):
        try:
            left.append(Spool(folder, max_bytes))
        except (SpoolInUse, FileNotFoundError):
            continue
    return left


def _lock(folder: Path) -> int:
    path = folder / "lock"
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise SpoolInUse(f"another process uses the spool in {folder}") from None
    if not path.exists() or path.stat().st_ino != os.fstat(opened).st_ino:
        # Its owner removed it between our opening and our locking.
        os.close(opened)
        raise SpoolInUse(f"another process has just removed the spool in {folder}")
    return opened


def _checksum(payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_LENGTH.pack(len(payload))))


def _read_record(file: BinaryIO, segment: int) -> bytes | None:
    """The next record, or None at the segment's end or where a record is torn or damaged."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        if head:
            _LOG.warning(
                "spool segment %d ends within a record's head; the process died while writing it", segment
            )
        return None
    length, crc = _HEAD.unpack(head)
    payload = file.read(length) if length <= LARGEST_RECORD_BYTES else b""
    if len(payload) == length and _checksum(payload) == crc:
        return payload
    _LOG.error(
        "spool segment %d holds a torn or damaged record; the rest of the segment cannot be read", segment
    )
    return None


def _pack_cursor(position: Position) -> bytes:
    body = struct.pack("<QQ", *position)
    return body + _LENGTH.pack(zlib.crc32(body))


def _unpack_cursor(raw: bytes) -> Position | None:
    if len(raw) != _CURSOR.size or zlib.crc32(raw[:16]) != _LENGTH.unpack(raw[16:])[0]:
        return None
    segment, offset, _ = _CURSOR.unpack(raw)
    return Position(segment, offset)
