"""The broker's log: what Java prints goes to one file, which is kept small and read when something went wrong."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

LIMIT = 8 * 1024 * 1024  # bytes; as many again are kept beside it as `.1`
_TAIL = 256 * 1024
_WIDTH = 220
_PREFIX = re.compile(r"^\S+Z \[[^\]]*\] (ERROR|FATAL) \S+ - ")  # time, thread, level, class
_EMPTY_WORDS = "Exiting Kafka due to fatal exception"  # always followed by the reason
_TELLING = re.compile(r"\b(ERROR|FATAL)\b|^(Caused by: )?([\w.$]+\.)?\w*(Error|Exception)\b")


def trim(log: Path, limit: int = LIMIT) -> bool:
    """Move what the log holds to `<log>.1` when it is larger than `limit` bytes; whether it was.

    Copies and truncates, so it may be called while Java appends to the file; lines written just then are lost.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return False
    shutil.copyfile(log, log.with_name(log.name + ".1"))
    os.truncate(log, 0)
    return True


def telling_lines(log: Path, since: int, most: int = 3) -> list[str]:
    """The first lines after byte `since` that speak of an error, else the last lines; shortened, no stack frames."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0 if since > size else since, size - _TAIL))
        text = file.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\t")]
    told = (_PREFIX.sub("", line) for line in lines if _TELLING.search(line))
    errors = list(dict.fromkeys(line for line in told if line != _EMPTY_WORDS))
    return [_shortened(line) for line in (errors[:most] or lines[-most:])]


def beginning(log: Path, since: int, size: int = 4096) -> str:
    """The first `size` bytes that were written after byte `since`."""
    with log.open("rb") as file:
        file.seek(since)
        return file.read(size).decode("utf-8", "replace")


def _shortened(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
