"""One folder has one owner: an advisory lock that the system releases when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from warehouse.embedded.errors import StoreHeld


class FolderLock:
    """Held from `acquire` to `release`. The file keeps the holder's process id, for the sentence others get."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises StoreHeld at once when another process holds it."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise StoreHeld(
                f"another process holds the warehouse in {self._path.parent} (process id {holder}); "
                "stop it, or set SPENDSTREAM_HOME to another folder"
            ) from None
        os.truncate(file, 0)
        os.write(file, str(os.getpid()).encode("ascii"))
        self._file = file

    def release(self) -> None:
        """Does nothing when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
