"""End with one's parent, where that is wanted.

`make up` runs all processes under honcho, each in a session of its own. When the terminal closes, or honcho itself is
killed, nobody tells them; they would go on unseen and hold their ports.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from ingest.environ import Environ

_LOOK_EVERY_S = 0.5


def stop_with_parent(
    environ: Environ,
    *,
    parent: Callable[[], int] = os.getppid,
    stop: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGTERM),
) -> threading.Thread | None:
    """With SPENDSTREAM_STOP_WITH_PARENT set, ask this process to stop (SIGTERM) once the process that started it is gone.

    Call it early, and from a `__main__` only. Returns the thread that looks on, None where nothing is to be done.
    """
    if not environ.flag("SPENDSTREAM_STOP_WITH_PARENT"):
        return None
    born_of = parent()
    never = threading.Event()

    def look() -> None:
        while parent() == born_of:
            never.wait(_LOOK_EVERY_S)
        stop()

    thread = threading.Thread(target=look, name="stop-with-parent", daemon=True)
    thread.start()
    return thread
