"""Downloads one exact Maven artifact with jgo: no pom, no transitive dependencies, nothing left in the home folder."""

from __future__ import annotations

import configparser
from pathlib import Path

from ingest.broker.errors import BrokerError, PartMissing
from ingest.broker.jars import Fetch
from ingest.broker.java import INSTALL_HINT

_TIMEOUT = 10  # seconds without a byte


def jgo_fetch() -> Fetch:
    """A `Fetch` over jgo and the repositories of its configuration file (Maven Central by default).

    PartMissing when jgo is not installed. jgo costs 0.2 s to import, so this is called only when something is missing.
    """
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError as error:
        what = "Kafka's jars and tiktoken's vocabularies"
        raise PartMissing(f"fetching {what} needs the package jgo; {INSTALL_HINT}") from error
    try:
        configured = GlobalSettings.load().repositories
    except configparser.Error as error:
        raise BrokerError(f"jgo's configuration file cannot be read: {str(error).splitlines()[0]}") from error
    repositories = {"central": MAVEN_CENTRAL_URL, **configured}

    def fetch(coordinate: str, scratch: Path) -> Path:
        context = MavenContext(repo_cache=scratch, remote_repos=repositories, timeout=_TIMEOUT)
        artifact = context.create_dependency(coordinate).artifact
        # jgo takes a file that is there for a whole one; after a broken transfer it is not.
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        return Path(artifact.resolve())

    return fetch
