"""Brings the jars of Apache Kafka into a folder: exactly those of `kafka_jars.lock.json`, checked byte for byte.

The list is the smallest set that our tests pass with: no SASL, no OAuth, no tools. Each coordinate is pinned, so no pom is
read and nothing is resolved. jgo downloads (from the Maven repositories it is configured for, so a mirror works); what it
brings is used only if size and sha256 agree. Files appear under their names in one step; a crash leaves none half-written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ingest.broker.errors import BrokerError, JarRefused, JarsUnavailable
from ingest.broker.locks import FileLock

_PARALLEL = 8

Fetch = Callable[[str, Path], Path]
"""Downloads one Maven coordinate into a scratch folder and returns the file.

Called from several threads at once. Raises OSError when the repository cannot be reached or breaks off, RuntimeError when
it does not have the file. A call for the same coordinate after a failure starts anew.
"""


@dataclass(frozen=True)
class Jar:
    """One pinned file: its Maven coordinate (group:artifact:version), size in bytes and sha256 in hex."""

    coordinate: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        _group, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    def matches(self, path: Path) -> bool:
        """Whether the file is there and holds exactly the pinned bytes."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


@dataclass(frozen=True)
class JarLock:
    """The lock file: a Kafka version and all jars of its class path, in their order."""

    kafka: str
    jars: tuple[Jar, ...]


def load_lock() -> JarLock:
    """The lock file that ships with this package."""
    document = json.loads((files("ingest.broker") / "kafka_jars.lock.json").read_text("utf-8"))
    jars = tuple(Jar(jar["coordinate"], jar["size"], jar["sha256"]) for jar in document["jars"])
    return JarLock(document["kafka"], jars)


def ensure_jars(
    folder: Path, lock: JarLock, report: Callable[[str], None], make_fetch: Callable[[], Fetch]
) -> tuple[Path, ...]:
    """Make `folder` hold every jar of the lock and return their paths in the lock's order.

    Good files are kept, missing or damaged ones fetched, eight at a time. Only one process fetches into a folder; others
    wait for it. JarsUnavailable or JarRefused after all others were tried, so that the next start has the least to do.
    `make_fetch` is called only when something is missing.
    """
    if any(not jar.matches(folder / jar.filename) for jar in lock.jars):
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_alone(folder, lock, report, make_fetch)
    return tuple(folder / jar.filename for jar in lock.jars)


def _fetch_alone(
    folder: Path, lock: JarLock, report: Callable[[str], None], make_fetch: Callable[[], Fetch]
) -> None:
    fetching = FileLock(folder / ".lock")
    if not fetching.try_acquire():
        report(f"waiting for another process that fetches Kafka's jars into {folder}")
        fetching.acquire()
    scratch = folder / ".incoming"
    try:
        missing = [jar for jar in lock.jars if not jar.matches(folder / jar.filename)]
        if missing:
            megabytes = sum(jar.size for jar in missing) / 1e6
            report(f"fetching Apache Kafka {lock.kafka}: {len(missing)} jars, {megabytes:.1f} MB, once")
            shutil.rmtree(scratch, ignore_errors=True)
            _fetch_all(missing, folder, scratch, make_fetch())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        fetching.release()


def _fetch_all(missing: list[Jar], folder: Path, scratch: Path, fetch: Fetch) -> None:
    failures = _fetch_round(missing, folder, scratch, fetch)
    if 0 < len(failures) < len(missing):  # the network works, so a second try is worth its time
        failures = _fetch_round(list(failures), folder, scratch, fetch)
    if not failures:
        return
    refused = [failure for failure in failures.values() if isinstance(failure, JarRefused)]
    if refused:
        raise refused[0]
    first, kept = next(iter(failures.values())), len(missing) - len(failures)
    raise JarsUnavailable(
        f"{len(failures)} of {len(missing)} Kafka jars could not be fetched ({first}); {kept} were kept: "
        "check the network, or name a mirror as `central` under [repositories] in ~/.config/jgo.conf, "
        "and start again to fetch the rest"
    ) from first


def _fetch_round(wanted: list[Jar], folder: Path, scratch: Path, fetch: Fetch) -> dict[Jar, BrokerError]:
    """Try each jar once, eight at a time; what failed, and why."""
    failures: dict[Jar, BrokerError] = {}
    pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="jars")
    try:
        running = {jar: pool.submit(_fetch_one, jar, folder, scratch, fetch) for jar in wanted}
        for jar, future in running.items():
            try:
                future.result()
            except BrokerError as error:
                failures[jar] = error
    finally:
        pool.shutdown(cancel_futures=True)
    return failures


def _fetch_one(jar: Jar, folder: Path, scratch: Path, fetch: Fetch) -> None:
    """Fetch, check, and put in place with one rename; JarsUnavailable or JarRefused."""
    try:
        brought = fetch(jar.coordinate, scratch)
    except (OSError, RuntimeError) as error:
        raise JarsUnavailable(f"{jar.coordinate}: {_reason(error)}") from error
    if not jar.matches(brought):
        size = brought.stat().st_size
        with brought.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        raise JarRefused(
            f"{jar.coordinate} was fetched with sha256 {digest} and {size} bytes instead of {jar.sha256} and {jar.size}: "
            "it was thrown away; look for a proxy or mirror that changes files, and start again"
        )
    brought.replace(folder / jar.filename)


def _reason(error: Exception) -> str:
    """Few words for a failed download; the libraries' own texts hold whole object dumps."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__ if isinstance(error, OSError) else "the repository does not have it"
