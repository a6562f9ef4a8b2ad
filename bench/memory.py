"""Resident memory of processes, from /proc (Linux only)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

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
