"""A lock between processes that the kernel takes back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class FileLock:
    """An exclusive lock on a file of its own. Children do not inherit it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it. Never blocks; taking it twice is an error of the caller."""
        return self._acquire(fcntl.LOCK_EX | fcntl.LOCK_NB)

    def acquire(self) -> None:
        """Take the lock; blocks for as long as another holds it."""
        self._acquire(fcntl.LOCK_EX)

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _acquire(self, operation: int) -> bool:
        if self._file is not None:
            raise RuntimeError(f"{self._path} is locked by this very object")
        file = self._path.open("ab")
        try:
            fcntl.flock(file, operation)
        except BlockingIOError:
            file.close()
            return False
        except BaseException:
            file.close()
            raise
        self._file = file
        return True
