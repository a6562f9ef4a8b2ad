"""A broker that was left behind is ended; a process that only has its number is not touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker.leftovers import end_leftover

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")

STANDS_FOR_JAVA = "import signal; print('up', flush=True); signal.pause()"


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "broker.pid"


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    return tmp_path / "server.properties"


@pytest.fixture
def orphan(properties: Path, pid_file: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", STANDS_FOR_JAVA, str(properties)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid_file.write_text(f"{process.pid}\n")
        yield process
        process.kill()


def test_an_orphan_of_this_folder_is_ended(
    orphan: subprocess.Popen[str], pid_file: Path, properties: Path
) -> None:
    assert end_leftover(pid_file, properties) == orphan.pid
    assert orphan.wait() == -signal.SIGTERM
    assert not pid_file.exists()


def test_an_orphan_that_was_stopped_is_ended_too(
    orphan: subprocess.Popen[str], pid_file: Path, properties: Path
) -> None:
    os.kill(orphan.pid, signal.SIGSTOP)
    assert end_leftover(pid_file, properties) == orphan.pid
    assert orphan.wait() == -signal.SIGTERM


def test_one_that_is_just_ending_is_waited_for(
    orphan: subprocess.Popen[str], pid_file: Path, properties: Path
) -> None:
    orphan.kill()
    assert end_leftover(pid_file, properties) in {None, orphan.pid}
    state = Path(f"/proc/{orphan.pid}/stat").read_text().rpartition(")")[2].split()[0]
    assert state == "Z"


def test_a_broker_of_another_folder_is_not_touched(
    orphan: subprocess.Popen[str], pid_file: Path, tmp_path: Path
) -> None:
    assert end_leftover(pid_file, tmp_path / "other" / "server.properties") is None
    assert orphan.poll() is None


def test_a_number_that_now_belongs_to_somebody_else_is_forgotten(pid_file: Path, properties: Path) -> None:
    pid_file.write_text(f"{os.getpid()}\n")
    assert end_leftover(pid_file, properties) is None
    assert not pid_file.exists()


@pytest.mark.parametrize("content", [None, "", "no number", "99999999"])
def test_nothing_there_is_nothing_to_do(content: str | None, pid_file: Path, properties: Path) -> None:
    if content is not None:
        pid_file.write_text(content)
    assert end_leftover(pid_file, properties) is None
