"""A class-data archive (AppCDS) that halves the broker's start: built once, in the background, after the first start.

Why not before the first start: a training run and a dump would make the newcomer wait 6 seconds longer for something that
only later starts gain from. So the first start runs with `-XX:DumpLoadedClassList`, which costs nothing that can be measured.
When the classes have stopped arriving (the pipeline has made its topics and its groups have joined), a second JVM turns the
list into an archive at low priority: about 4 seconds of one core and 330 MB for that long. A start that ends earlier leaves
no archive, and the next one tries again.

The archive's name holds a digest of everything that the JVM compares before it uses one: the runtime and the size, time and
place of every jar. A change therefore leads to another name, and to rebuilding. Should the JVM refuse an archive all the
same, it says so first thing and starts without; the archive is thrown away and the next start makes another.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.broker.child import Child
from ingest.broker.java import Java
from ingest.broker.locks import FileLock
from ingest.broker.logfile import telling_lines

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 30.0  # seconds after which the list is taken as it is
_POLL = 0.25
_LONGEST_DUMP = 120.0
_NICENESS = 10
_PATTERN = "classes-*.jsa"
_REFUSED = "][cds"  # the tag of the JVM's own complaints; nothing else that we let it print has it


@dataclass(frozen=True)
class Archive:
    """The archive that fits one runtime and one set of jars, whether it exists yet or not."""

    path: Path
    java: Java
    jars: tuple[Path, ...]

    @classmethod
    def fitting(cls, folder: Path, java: Java, jars: Sequence[Path]) -> Archive:
        """The archive in `folder` for this runtime and these jars."""
        digest = hashlib.sha256(java.fingerprint.encode())
        for jar in jars:
            stat = jar.stat()
            digest.update(f"\n{jar} {stat.st_size} {stat.st_mtime_ns}".encode())
        return cls(folder / f"classes-{digest.hexdigest()[:16]}.jsa", java, tuple(jars))

    @property
    def exists(self) -> bool:
        return self.path.is_file()

    def flags(self, class_list: Path) -> list[str]:
        """JVM options: use the archive, or note the loaded classes in `class_list` for building it."""
        if self.exists:
            return ["-Xshare:auto", f"-XX:SharedArchiveFile={self.path}"]
        return ["-Xshare:auto", f"-XX:DumpLoadedClassList={class_list}"]

    def refused(self, first_words: str) -> bool:
        """Whether the JVM said that it cannot use the archive; `first_words` is what it printed at its start."""
        return _REFUSED in first_words

    def discard(self) -> None:
        """Remove it, so that the next start builds another."""
        self.path.unlink(missing_ok=True)

    def dump_command(self, class_list: Path, target: Path, heap: str) -> list[str]:
        """The command that builds the archive; the garbage collector must be the broker's."""
        return [
            str(self.java.launcher),
            "-Xshare:dump",
            "-XX:+UseSerialGC",
            f"-Xmx{heap}",
            "-XX:-UsePerfData",
            "-Xlog:disable",
            "-Xlog:all=error:stderr",
            f"-XX:SharedClassListFile={class_list}",
            f"-XX:SharedArchiveFile={target}",
            "-cp",
            ":".join(map(str, self.jars)),
        ]


class ArchiveBuilder:
    """Builds an archive in a thread of its own, from the class list that a running broker writes.

    It begins when the list has not grown for `quiet` seconds. A failure is logged and nothing more: the broker does not
    need the archive.
    """

    def __init__(self, archive: Archive, class_list: Path, heap: str, quiet: float = 3.0) -> None:
        self._archive = archive
        self._class_list = class_list
        self._heap = heap
        self._quiet = quiet
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="class-archive", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Give up what is not done; returns when its process is gone."""
        self._cancelled.set()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Block until it is done, at most `seconds`; whether the archive is there."""
        self._thread.join(seconds)
        return self._archive.exists

    def _run(self) -> None:
        try:
            if self._settled():
                self._build()
        except OSError as error:
            _log.warning("the class archive was not built: %s; later starts take a second longer", error)

    def _settled(self) -> bool:
        """Wait until the list has stopped growing; False when cancelled."""
        deadline = time.monotonic() + _LONGEST_WAIT
        size, since = -1, 0.0
        while not self._cancelled.wait(_POLL):
            now = time.monotonic()
            current = self._class_list.stat().st_size
            if current != size:
                size, since = current, now
            elif now - since >= self._quiet:
                return True
            if now > deadline:
                return True
        return False

    def _build(self) -> None:
        cache = self._archive.path.parent
        building = FileLock(cache / "building.lock")
        if self._archive.exists or not building.try_acquire():
            return  # another broker with the same jars was faster
        snapshot, target, log = (cache / f"building.{name}" for name in ("list", "jsa", "log"))
        try:
            # The JVM still writes to the list: take whole lines only.
            content = self._class_list.read_bytes()
            snapshot.write_bytes(content[: content.rfind(b"\n") + 1])
            log.write_bytes(b"")
            self._dump(snapshot, target, log)
        finally:
            for left in (snapshot, target, log):
                left.unlink(missing_ok=True)
            building.release()

    def _dump(self, class_list: Path, target: Path, log: Path) -> None:
        child = Child(self._archive.dump_command(class_list, target, self._heap), log.parent, log, _NICENESS)
        if not self._finished(child):
            child.kill()
            return
        if child.exit_code != 0:
            raise OSError(f"java ended with code {child.exit_code}: {' / '.join(telling_lines(log, 0))}")
        for old in self._archive.path.parent.glob(_PATTERN):
            old.unlink(missing_ok=True)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        target.replace(self._archive.path)
        _log.info("class archive built: later starts are faster by about a second")

    def _finished(self, child: Child) -> bool:
        deadline = time.monotonic() + _LONGEST_DUMP
        while not child.wait(_POLL):
            if self._cancelled.is_set() or time.monotonic() > deadline:
                return False
        return True
