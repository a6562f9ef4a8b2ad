"""Apache Kafka as a child process of ours: `EmbeddedBroker`."""

from __future__ import annotations

import logging
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from ingest.broker import logfile
from ingest.broker.cds import Archive, ArchiveBuilder
from ingest.broker.child import Child
from ingest.broker.errors import BrokerEnded, BrokerError, BrokerNotReady, RootInUse
from ingest.broker.fetcher import jgo_fetch
from ingest.broker.jars import ensure_jars, load_lock
from ingest.broker.java import find_java
from ingest.broker.jvm import broker_command
from ingest.broker.leftovers import end_leftover
from ingest.broker.locks import FileLock
from ingest.broker.ports import LOOPBACK, client_port, controller_port, port_in_use
from ingest.broker.probe import takes_part
from ingest.broker.properties import check_path, server_properties
from ingest.broker.storage import format_storage

_log = logging.getLogger(__name__)

READY_WITHIN = 60.0
_STOP_PATIENCE = 15.0  # seconds for an orderly end; it usually takes 0.3
_POLL = 0.02
_LOG_CHECK = 60.0


class EmbeddedBroker:
    """One Kafka broker on loopback that keeps everything it has in `root`.

    `root` holds the log (`data/`), `broker.log`, the configuration, and, unless `cache` names another folder to share, the
    jars and the class archive. `port` 0 takes a free port at the first start and keeps it. `heap` as in -Xmx. `report`
    gets the few lines that a person should see; by default they go to the logger of this module.

    Not for use by several threads at once. The same object may be started again after it has stopped.
    """

    def __init__(
        self,
        root: Path,
        port: int,
        *,
        heap: str = "256m",
        cache: Path | None = None,
        report: Callable[[str], None] = _log.info,
    ) -> None:
        self.root = root.absolute()
        self.port = port
        self._heap = heap
        self._cache = (cache or root).absolute()
        self._report = report
        self._lock = FileLock(self.root / "broker.lock")
        self._properties = self.root / "server.properties"
        self._pid_file = self.root / "broker.pid"
        self._log = self.root / "broker.log"
        self._crash = self.root / "crash.log"  # only a JVM that crashes writes it
        self._log_start = 0
        self._child: Child | None = None
        self._archive: Archive | None = None
        self._builder: ArchiveBuilder | None = None
        self._notes_classes = False

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The number of the Java process; BrokerError when none was started."""
        return self._running().pid

    def start(self, ready_within: float | None = READY_WITHIN) -> Self:
        """Fetch what is missing, start Java and wait until clients are served, at most `ready_within` seconds.

        With None it returns as soon as Java runs; call `wait_ready` then. BrokerError in one sentence when it cannot be;
        then nothing is left running. The first start downloads 37 MB.
        """
        self._claim_root()
        try:
            self._archive = self._prepare()
            self._launch(self._archive)
            if ready_within is not None:
                self.wait_ready(ready_within)
        except OSError as error:
            self.stop()
            raise BrokerError(f"the embedded Kafka cannot use its folder {self.root}: {error}") from error
        except BaseException:
            self.stop()
            raise
        return self

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Block until topics can be made and records sent; BrokerNotReady after `within` seconds, BrokerEnded if it died."""
        deadline = time.monotonic() + within
        while not takes_part(self.port):
            if self._running().exit_code is not None:
                self._give_up_archive_or_fail()
            if time.monotonic() > deadline:
                raise BrokerNotReady(f"the embedded Kafka was not ready after {within:g} s: see {self._log}")
            time.sleep(_POLL)
        self._see_to_archive()

    async def wait(self) -> int:
        """Wait until the Java process has ended and return its exit code; 143 or -9 if somebody stopped it so."""
        return await self._running().ended()

    def wait_archive(self, within: float) -> bool:
        """Block until the class archive for later starts is there, at most `within` seconds; whether it is."""
        if self._builder is not None:
            self._builder.wait(within)
        return self._archive is not None and self._archive.exists

    def failure(self) -> BrokerError:
        """Why it ended by itself: the telling lines of its log in one sentence. Only after it has ended."""
        child = self._running()
        if self._crash.exists():
            return BrokerEnded(
                f"Java itself crashed, Kafka with it: see {self._crash}; starting again may help"
            )
        code = child.exit_code or 0
        if code < 0:
            return BrokerEnded(
                f"the embedded Kafka was ended by signal {-code} ({signal.strsignal(-code)}), not by us: "
                "memory ran out, or somebody did it; start again"
            )
        lines = logfile.telling_lines(self._log, self._log_start)
        if any("Address already in use" in line and f":{self.port}:" in line for line in lines):
            return port_in_use(self.port)
        said = " / ".join(lines) or "it printed nothing"
        return BrokerEnded(f"the embedded Kafka ended with code {code}: {said} (all of it in {self._log})")

    def stop(self) -> None:
        """End it in order (SIGTERM, after 15 s SIGKILL) and let go of its folder. Does nothing when it does not run."""
        self._end(lambda child: child.terminate(_STOP_PATIENCE))

    def kill9(self) -> None:
        """End it as a power cut would, for tests."""
        self._end(lambda child: child.kill())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _claim_root(self) -> None:
        check_path(self.root)
        check_path(self._cache)
        if self._child is not None:
            raise BrokerError("this broker was started already; stop it first")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            free = self._lock.try_acquire()
        except OSError as error:
            raise BrokerError(
                f"the embedded Kafka cannot write to {self.root} ({error.strerror}): "
                "make it writable, or set SPENDSTREAM_HOME to another folder"
            ) from error
        if not free:
            raise RootInUse(
                f"another Spendstream runs its Kafka in {self.root}: "
                "stop it, or set SPENDSTREAM_HOME to another folder for this one"
            )

    def _prepare(self) -> Archive:
        """Everything up to the start of Java; the class archive that fits. What fails fast comes before the download."""
        ended = end_leftover(self._pid_file, self._properties)
        if ended is not None:
            self._report(f"ended a Kafka (process {ended}) that an earlier Spendstream had left behind")
        self.port = client_port(self.port)
        java = find_java()
        jars = ensure_jars(self._cache / "jars", load_lock(), self._report, jgo_fetch)
        data = self.root / "data"
        format_storage(data)
        controller = controller_port(self.root / "controller.port", self.port)
        self._properties.write_text(server_properties(data, self.port, controller), "ascii")
        return Archive.fitting(self._cache, java, jars)

    def _launch(self, archive: Archive) -> None:
        logfile.trim(self._log)
        if self._crash.exists():
            self._crash.replace(self.root / "crash.log.1")
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        unpacked = self.root / "tmp"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        flags = archive.flags(self._class_list)
        self._notes_classes = not archive.exists
        command = broker_command(archive.java.launcher, archive.jars, self._heap, self.root, flags)
        child = Child(command, self.root, self._log)
        self._child = child
        self._pid_file.write_text(f"{child.pid}\n", "ascii")
        Thread(target=self._keep_log_small, args=(child,), name="broker-log", daemon=True).start()

    @property
    def _class_list(self) -> Path:
        return self.root / "classes.list"

    def _give_up_archive_or_fail(self) -> None:
        """After an early end: start once more without the archive if the JVM crashed with one, else raise why."""
        if not self._crash.exists() or self._archive is None or not self._archive.exists:
            raise self.failure()
        self._archive.discard()
        self._report("Java crashed with its class archive; starting once more without it")
        self._launch(self._archive)

    def _see_to_archive(self) -> None:
        """Once ready: build the archive for later starts, or drop one that the JVM did not take."""
        archive = self._archive
        if archive is None or self._builder is not None:
            return
        if self._notes_classes:
            self._builder = ArchiveBuilder(archive, self._class_list, self._heap)
            self._builder.start()
        elif archive.refused(logfile.beginning(self._log, self._log_start)):
            archive.discard()

    def _keep_log_small(self, child: Child) -> None:
        while not child.wait(_LOG_CHECK):
            logfile.trim(self._log)

    def _running(self) -> Child:
        if self._child is None:
            raise BrokerError("the embedded Kafka was not started")
        return self._child

    def _end(self, how: Callable[[Child], None]) -> None:
        builder, self._builder = self._builder, None
        if builder is not None:
            builder.cancel()
        child, self._child = self._child, None
        if child is not None:
            how(child)
            self._pid_file.unlink(missing_ok=True)
        self._lock.release()
