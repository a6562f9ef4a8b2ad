"""The supervisor with small programs in place of the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.fixtures.processes import PROJECT_ROOT
from tests.fixtures.worker import wait_until

PROGRAM = """
import sys, logging
from ingest.clock import SystemClock
from streams.supervisor import Restarts, Supervisor
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
child = [sys.executable, "-c", sys.argv[1], *sys.argv[2:]]
sys.exit(Supervisor(child, SystemClock(), Restarts(first_pause_s=0.01), stop_s=0.5).run())
"""
COUNTED = "import sys; open(sys.argv[1], 'a').write('x');"


def supervise(child: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, child, *arguments],
        cwd=PROJECT_ROOT,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def test_it_gives_up_after_five_ends_in_a_minute(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    supervisor = supervise(COUNTED + "sys.exit(3)", str(starts))
    _, told = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 1
    assert starts.read_text() == "xxxxx"
    lines = told.splitlines()
    assert [line for line in lines if "starting it again" in line] == [
        f"WARNING streams.supervisor: the worker's process ended (exit code 3); starting it again in {pause} s"
        for pause in ("0.01", "0.02", "0.04", "0.08")
    ]
    assert lines[-1].startswith("ERROR streams.supervisor: gave up")
    assert len(lines) == 5


def test_it_does_not_start_again_what_would_end_the_same_way(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    supervisor = supervise(COUNTED + "sys.exit(2)", str(starts))
    _, told = supervisor.communicate(timeout=30)
    assert (supervisor.returncode, starts.read_text(), told) == (2, "x", "")


def test_a_killed_child_is_started_again_and_named_by_its_signal(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    child = (
        COUNTED + "import os, time; open(sys.argv[1] + '.pid', 'w').write(str(os.getpid())); time.sleep(60)"
    )
    supervisor = supervise(child, str(starts))
    pid_file = Path(f"{starts}.pid")
    wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", 10, lambda: "never started")
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    wait_until(lambda: starts.read_text() == "xx", 10, starts.read_text)
    supervisor.terminate()
    _, told = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 0
    assert "(signal SIGKILL); starting it again in 0.01 s" in told


def test_a_stop_is_passed_on_and_is_a_good_end(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    supervisor = supervise(COUNTED + "import time; time.sleep(60)", str(starts))
    wait_until(starts.exists, 10, lambda: "never started")
    supervisor.terminate()
    _, told = supervisor.communicate(timeout=10)
    assert (supervisor.returncode, told) == (0, "")


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + COUNTED.replace(
        "import sys;", "import sys, time;"
    )
    supervisor = supervise(child + "time.sleep(60)", str(starts))
    wait_until(starts.exists, 10, lambda: "never started")
    supervisor.terminate()
    _, told = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 0
    assert "did not stop within 0.5 s and was killed" in told


def test_a_child_reads_the_end_of_its_input_when_the_supervisor_goes(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    started = tmp_path / "started"
    child = (
        "import sys; open(sys.argv[2], 'w').close(); sys.stdin.buffer.read(); open(sys.argv[1], 'w').close()"
    )
    supervisor = supervise(child, str(ended), str(started))
    wait_until(started.exists, 10, lambda: "never started")
    supervisor.kill()
    supervisor.communicate(timeout=10)
    wait_until(ended.exists, 10, lambda: "the child lives on")
