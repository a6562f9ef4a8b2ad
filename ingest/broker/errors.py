"""What can go wrong with the embedded Kafka. Each text is one sentence: what happened, and what to do.

SpendstreamError
└── BrokerError            the embedded Kafka cannot run
    ├── PartMissing        a Python package that carries it is not installed
    ├── JarsUnavailable    a jar could not be fetched; what was fetched is kept
    ├── JarRefused         a jar came with other bytes than the lock file demands
    ├── PortInUse          somebody else listens on the port
    ├── RootInUse          another broker of ours lives in the folder
    ├── BrokerEnded        the Java process ended by itself
    └── BrokerNotReady     it runs, but did not take part in the cluster in time
"""

from __future__ import annotations

from ingest.errors import SpendstreamError


class BrokerError(SpendstreamError):
    """The embedded Kafka cannot run as asked."""


class PartMissing(BrokerError):
    """A package of the extra `embedded` is not installed."""


class JarsUnavailable(BrokerError):
    """At least one jar could not be fetched. The next start fetches only what is missing."""


class JarRefused(BrokerError):
    """A fetched jar has another size or checksum than the lock file says. It was thrown away."""


class PortInUse(BrokerError):
    """The port for Kafka's clients cannot be listened on."""


class RootInUse(BrokerError):
    """Another living process of ours runs its broker in the same folder."""


class BrokerEnded(BrokerError):
    """The Java process is gone although nobody stopped it."""


class BrokerNotReady(BrokerError):
    """The Java process lives, but did not become ready within its deadline."""
