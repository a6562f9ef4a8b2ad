"""A child process: its end is seen from threads and event loops, and it never outlives us. Python stands for Java here."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.broker.child import Child

UNTIL_KILLED = "import signal; print('up', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + UNTIL_KILLED


def eventually(condition: Callable[[], bool], within: float = 20.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def start(code: str, *arguments: str, niceness: int = 0) -> Child:
        child = Child([sys.executable, "-c", code, *arguments], tmp_path, tmp_path / "log", niceness)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()


def printed(tmp_path: Path) -> str:
    return (tmp_path / "log").read_text()


def test_it_runs_in_its_folder_and_appends_both_outputs_to_the_log(
    run: Callable[..., Child], tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("before\n")
    child = run("import os, sys; print(os.getcwd(), flush=True); print('oops', file=sys.stderr); sys.exit(3)")
    assert child.wait(20)
    assert child.exit_code == 3
    assert printed(tmp_path) == f"before\n{tmp_path}\noops\n"


def test_options_for_java_in_the_environment_do_not_reach_it(
    run: Callable[..., Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:+UseG1GC")
    monkeypatch.setenv("SPENDSTREAM_TRIAL", "kept")
    run(
        "import os; print(*(os.environ.get(n) for n in ('JAVA_TOOL_OPTIONS', 'SPENDSTREAM_TRIAL', 'LC_ALL')))"
    ).wait(20)
    assert printed(tmp_path) == "None kept C.UTF-8\n"


def test_it_can_be_given_low_priority(run: Callable[..., Child], tmp_path: Path) -> None:
    run("import os; print(os.nice(0))", niceness=5).wait(20)
    assert int(printed(tmp_path)) == os.nice(0) + 5


def test_sigterm_is_enough_for_most(run: Callable[..., Child], tmp_path: Path) -> None:
    child = run(UNTIL_KILLED)
    assert eventually(lambda: "up" in printed(tmp_path))
    child.terminate(20)
    assert child.exit_code == -signal.SIGTERM


def test_one_that_does_not_listen_is_killed(run: Callable[..., Child], tmp_path: Path) -> None:
    child = run(DEAF)
    assert eventually(lambda: "up" in printed(tmp_path))
    child.terminate(0.05)
    assert child.exit_code == -signal.SIGKILL


def test_ending_one_that_has_ended_changes_nothing(run: Callable[..., Child]) -> None:
    child = run("")
    assert child.wait(20)
    child.terminate(1)
    child.kill()
    assert child.exit_code == 0


def test_an_event_loop_can_wait_for_it_and_stop_waiting(run: Callable[..., Child], tmp_path: Path) -> None:
    child = run(UNTIL_KILLED)
    assert eventually(lambda: "up" in printed(tmp_path))

    async def wait_twice() -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.ended(), 0.01)
        child.kill()
        return await asyncio.wait_for(child.ended(), 20)

    assert asyncio.run(wait_twice()) == -signal.SIGKILL


def test_a_folder_that_is_not_there_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Child([sys.executable, "-c", ""], tmp_path / "nowhere", tmp_path / "log")


PARENT = """
import sys, threading
from pathlib import Path
from ingest.broker.child import Child
folder = Path(sys.argv[1])

def start():
    child = Child([sys.executable, "-c", sys.argv[2]], folder, folder / "log")
    print(child.pid, flush=True)

thread = threading.Thread(target=start)
thread.start()
thread.join()
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_it_outlives_the_thread_that_asked_for_it_but_not_a_killed_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), UNTIL_KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert eventually(lambda: "up" in printed(tmp_path))
        assert alive(pid), "the thread that asked for the child is gone, and took it along"
        parent.kill()
        parent.wait()
        assert eventually(lambda: not alive(pid))
