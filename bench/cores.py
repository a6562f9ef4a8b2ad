"""Which processes run on which cores: one is measured alone on its core, everybody else shares the others (Linux only)."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager


def measured_core() -> int:
    """The last core that this process may use."""
    return max(os.sched_getaffinity(0))


def other_cores() -> set[int]:
    """All but the measured one; raises RuntimeError where there is no second core."""
    others = os.sched_getaffinity(0) - {measured_core()}
    if not others:
        raise RuntimeError("two cores are needed: one for what is measured, one for the servers")
    return others


@contextmanager
def on_cores(cores: Collection[int]) -> Iterator[None]:
    """Processes that are started meanwhile stay on `cores`; this one comes back to its own."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
