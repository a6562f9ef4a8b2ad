"""The lock file, and what `ensure_jars` does with downloads that succeed, fail, or bring other bytes."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.broker.errors import JarRefused, JarsUnavailable
from ingest.broker.jars import Fetch, Jar, JarLock, ensure_jars, load_lock

CONTENTS = {f"org.example:part{number}:1.{number}": f"jar {number}".encode() for number in range(12)}
LOCK = JarLock(
    "9.9.9",
    tuple(
        Jar(coordinate, len(content), hashlib.sha256(content).hexdigest())
        for coordinate, content in CONTENTS.items()
    ),
)
FIRST, SECOND = LOCK.jars[:2]


class Repository:
    """Stands for a Maven repository: notes what is asked, and fails or lies for the coordinates it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.failing_once: dict[str, Exception] = {}
        self.lying: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def fetch(self, coordinate: str, scratch: Path) -> Path:
        with self._lock:
            self.asked.append(coordinate)
            error = self.failing.get(coordinate) or self.failing_once.pop(coordinate, None)
        if error is not None:
            raise error
        path = scratch / coordinate.replace(":", "/") / "file.jar"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.lying.get(coordinate, CONTENTS[coordinate]))
        return path


def must_not_be_called() -> Fetch:
    raise AssertionError("nothing is missing, so nothing may be fetched")


@pytest.fixture
def repository() -> Repository:
    return Repository()


def ensure(folder: Path, repository: Repository, report: Callable[[str], None] | None = None) -> list[Path]:
    return list(ensure_jars(folder, LOCK, report or (lambda _: None), lambda: repository.fetch))


def test_the_lock_file_pins_32_distinct_files() -> None:
    lock = load_lock()
    assert lock.kafka == "4.3.1"
    assert len(lock.jars) == len({jar.filename for jar in lock.jars}) == 32
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in lock.jars)
    assert sum(jar.size for jar in lock.jars) == 37_134_559
    assert "kafka_2.13-4.3.1.jar" in {jar.filename for jar in lock.jars}


def test_all_are_fetched_once_with_one_line_of_report(tmp_path: Path, repository: Repository) -> None:
    said: list[str] = []
    paths = ensure(tmp_path / "jars", repository, said.append)
    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())
    assert said == ["fetching Apache Kafka 9.9.9: 12 jars, 0.0 MB, once"]
    assert sorted(repository.asked) == sorted(CONTENTS)
    assert ensure_jars(tmp_path / "jars", LOCK, said.append, must_not_be_called) == tuple(paths)
    assert len(said) == 1
    assert not (tmp_path / "jars" / ".incoming").exists()


def test_a_damaged_file_is_fetched_again_and_no_other(tmp_path: Path, repository: Repository) -> None:
    paths = ensure(tmp_path, repository)
    damaged = bytearray(CONTENTS[FIRST.coordinate])
    damaged[0] ^= 1
    paths[0].write_bytes(damaged)
    repository.asked.clear()
    ensure(tmp_path, repository)
    assert repository.asked == [FIRST.coordinate]
    assert paths[0].read_bytes() == CONTENTS[FIRST.coordinate]


def test_other_bytes_are_refused_and_the_good_files_kept(tmp_path: Path, repository: Repository) -> None:
    same_size = bytes(reversed(CONTENTS[FIRST.coordinate]))
    repository.lying[FIRST.coordinate] = same_size
    with pytest.raises(JarRefused) as refused:
        ensure(tmp_path, repository)
    message = str(refused.value)
    assert FIRST.coordinate in message
    assert FIRST.sha256 in message
    assert hashlib.sha256(same_size).hexdigest() in message
    assert "start again" in message
    assert sorted(path.name for path in tmp_path.glob("*.jar")) == sorted(
        jar.filename for jar in LOCK.jars[1:]
    )
    repository.lying.clear()
    repository.asked.clear()
    ensure(tmp_path, repository)
    assert repository.asked == [FIRST.coordinate]


def test_a_file_of_another_size_is_refused(tmp_path: Path, repository: Repository) -> None:
    repository.lying[FIRST.coordinate] = CONTENTS[FIRST.coordinate][:-1]
    with pytest.raises(JarRefused, match=r"and 4 bytes instead of .* and 5"):
        ensure(tmp_path, repository)


def test_a_failed_download_keeps_the_rest_and_the_next_start_goes_on(
    tmp_path: Path, repository: Repository
) -> None:
    repository.failing = {
        FIRST.coordinate: ConnectionError("reset"),
        SECOND.coordinate: RuntimeError("a long text with every address that was tried"),
    }
    with pytest.raises(JarsUnavailable) as failed:
        ensure(tmp_path, repository)
    message = str(failed.value)
    assert message.startswith("2 of 12 Kafka jars could not be fetched")
    assert f"{FIRST.coordinate}: ConnectionError" in message
    assert "10 were kept" in message
    assert "every address" not in message
    assert not (tmp_path / ".incoming").exists()
    repository.failing.clear()
    repository.asked.clear()
    ensure(tmp_path, repository)
    assert sorted(repository.asked) == sorted([FIRST.coordinate, SECOND.coordinate])


def test_a_transfer_that_breaks_off_once_is_tried_again(tmp_path: Path, repository: Repository) -> None:
    repository.failing_once[FIRST.coordinate] = TimeoutError("no bytes for 10 s")
    assert len(ensure(tmp_path, repository)) == 12
    assert repository.asked.count(FIRST.coordinate) == 2


def test_without_a_network_nothing_is_tried_twice(tmp_path: Path, repository: Repository) -> None:
    repository.failing = {coordinate: ConnectionError() for coordinate in CONTENTS}
    with pytest.raises(JarsUnavailable, match=r"12 of 12 .* 0 were kept"):
        ensure(tmp_path, repository)
    assert len(repository.asked) == 12


def test_a_full_disk_is_named(tmp_path: Path, repository: Repository) -> None:
    repository.failing[FIRST.coordinate] = OSError(28, "No space left on device")
    with pytest.raises(JarsUnavailable, match="No space left on device"):
        ensure(tmp_path, repository)


def test_an_error_of_ours_is_not_hidden(tmp_path: Path, repository: Repository) -> None:
    repository.failing[FIRST.coordinate] = TypeError("a bug")
    with pytest.raises(TypeError, match="a bug"):
        ensure(tmp_path, repository)
