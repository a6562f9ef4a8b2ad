"""Memory and processor time of processes, from /proc (Linux only)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


def resident_mb(pids: Iterable[int]) -> float:
    """Sum over processes, in MB (10^6 bytes). Memory that several share counts in each; one that has ended counts 0."""
    return sum(map(_resident_kib, pids)) * 1024 / 1e6


def _resident_kib(pid: int) -> int:
    try:
        match = _RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(match[1]) if match else 0


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that the processes have used since they began, seconds, with that of their children that have
    ended. A process that has ended itself counts 0."""
    return sum(map(_ticks, pids)) / _TICKS_PER_S


def _ticks(pid: int) -> int:
    try:
        # After the name in parentheses stand 11 other fields, then user and system time, then those of ended children.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15]))
