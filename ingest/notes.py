"""A small file of notes that is written anew now and then, and whose notes can be struck out meanwhile.

Like the spool, which it lies beside, it survives a `kill -9` once a method returns, and not a loss of power.

    entry = kind (1 byte: n a note, x struck out) length of the name (2 bytes) length of the text (4 bytes)
            crc32 of all else (4 bytes) name text                                      all little-endian
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

_HEAD = struct.Struct("<cHII")
_NOTE, _STRUCK = b"n", b"x"


class Notes:
    """The notes of one process in the file `path`. Raises OSError where the disk does not take them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._names: set[str] = set()

    def write(self, notes: Mapping[str, bytes]) -> None:
        """These, and none of the earlier ones. Whoever reads the file finds either the earlier ones or these."""
        if not notes and not self._names:
            return
        new = self._path.with_suffix(".new")
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            _write_all(opened, b"".join(_entry(_NOTE, name, text) for name, text in notes.items()))
            new.replace(self._path)
        except BaseException:
            os.close(opened)
            raise
        self._forget_file()
        self._file, self._names = opened, set(notes)

    def strike(self, name: str) -> None:
        """Strike one out; nothing happens where there is none."""
        if name in self._names and self._file is not None:
            self._names.discard(name)
            _write_all(self._file, _entry(_STRUCK, name, b""))

    def close(self) -> None:
        """Remove the file."""
        self._forget_file()
        self._names.clear()
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".new").unlink(missing_ok=True)

    def _forget_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_notes(path: Path) -> dict[str, bytes]:
    """By name, what a process has left that was not struck out, up to where it died while writing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[str, bytes] = {}
    for kind, name, text in _entries(content):
        if kind == _NOTE:
            found[name] = text
        else:
            found.pop(name, None)
    return found


def _entry(kind: bytes, name: str, text: bytes) -> bytes:
    body = name.encode() + text
    length = len(body) - len(text)
    return _HEAD.pack(kind, length, len(text), _checksum(kind, length, body)) + body


def _entries(content: bytes) -> Iterator[tuple[bytes, str, bytes]]:
    at = 0
    while at + _HEAD.size <= len(content):
        kind, name_length, text_length, crc = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        body = content[at : at + name_length + text_length]
        if len(body) < name_length + text_length or _checksum(kind, name_length, body) != crc:
            return
        yield kind, body[:name_length].decode(), body[name_length:]
        at += len(body)


def _checksum(kind: bytes, name_length: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(kind + name_length.to_bytes(2, "little")))


def _write_all(file: int, content: bytes) -> None:
    if os.write(file, content) < len(content):
        raise OSError("the disk is full")
