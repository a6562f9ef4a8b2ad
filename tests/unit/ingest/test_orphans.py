from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap

from ingest.environ import Environ
from ingest.orphans import stop_with_parent

MIDDLE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
print(child.pid, flush=True)
sys.stdin.read()
"""
CHILD = """
import signal
from ingest.environ import Environ
from ingest.orphans import stop_with_parent

stop_with_parent(Environ({"SPENDSTREAM_STOP_WITH_PARENT": "1"}))
print("up", flush=True)
signal.pause()
"""


def test_nothing_is_watched_unless_it_is_wanted() -> None:
    assert stop_with_parent(Environ({})) is None


def test_a_parent_that_is_gone_is_noticed() -> None:
    stops: list[int] = []
    parents = iter([10, 10, 1])
    thread = stop_with_parent(
        Environ({"SPENDSTREAM_STOP_WITH_PARENT": "yes"}),
        parent=lambda: next(parents),
        stop=lambda: stops.append(1),
    )
    assert thread is not None
    thread.join(10)
    assert stops == [1]


def test_a_child_of_a_killed_parent_ends() -> None:
    middle = subprocess.Popen(
        [sys.executable, "-c", MIDDLE, textwrap.dedent(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert middle.stdout is not None
    assert middle.stdin is not None
    pid = int(middle.stdout.readline())
    try:
        assert middle.stdout.readline() == "up\n"
        middle.kill()
        middle.wait(10)
        # The child holds the other end of the pipe: it closes when the child is gone.
        assert middle.stdout.read() == ""
    finally:
        middle.stdin.close()
        middle.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
