"""The command line of the broker's JVM: small heap, one collector thread, quick start, nothing written outside its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ingest.broker.errors import BrokerError

_HEAP = re.compile(r"[1-9]\d*[mMgG]")

_OPTIONS = (
    # On two cores the serial collector and the first compiler tier start faster and take a quarter less memory than the
    # defaults; the rate of messages is the same, since clients are the limit.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",  # rather end and be restarted than live on half dead
    "-XX:-CreateCoredumpOnCrash",
    "-XX:-UsePerfData",  # no file in /tmp
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka needs it; without this Java prints a warning of four lines
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Duser.timezone=UTC",
    "-Dlog4j2.statusLoggerLevel=OFF",  # we log through slf4j; Log4j would complain that it has nobody to log to
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",  # 600 lines of settings a start
)


def broker_command(
    launcher: Path, jars: Sequence[Path], heap: str, root: Path, archive_flags: Sequence[str]
) -> list[str]:
    """Starts Kafka on `<root>/server.properties`. `heap` as in -Xmx, for example 256m; BrokerError for any other text."""
    if not _HEAP.fullmatch(heap):
        raise BrokerError(f"the broker's heap must be a number with m or g, like 256m, not {heap!r}")
    return [
        str(launcher),
        f"-Xmx{heap}",
        *_OPTIONS,
        f"-XX:ErrorFile={root / 'crash.log'}",
        f"-Djava.io.tmpdir={root / 'tmp'}",  # native libraries are unpacked there
        *archive_flags,
        "-cp",
        ":".join(map(str, jars)),
        "kafka.Kafka",
        str(root / "server.properties"),
    ]
