"""The broker's configuration, `server.properties`: one KRaft node that is broker and controller, on loopback only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ingest.broker.errors import BrokerError
from ingest.broker.ports import LOOPBACK
from ingest.broker.storage import NODE_ID

_KIB, _MIB = 1024, 1024 * 1024
_THIRTY_DAYS_MINUTES = 30 * 24 * 60

# One node: nothing can be replicated.
_SINGLE_NODE: Mapping[str, str | int] = {
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
}

# Small internal topics, few threads and small buffers: half of Kafka's usual memory, no loss of speed on two cores.
_SMALL: Mapping[str, str | int] = {
    "num.partitions": 4,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 1,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "log.cleaner.threads": 1,
    "log.cleaner.dedupe.buffer.size": 16 * _MIB,
    "log.cleaner.io.buffer.size": 256 * _KIB,
    "log.segment.bytes": 128 * _MIB,
    "log.index.size.max.bytes": _MIB,
}

_BEHAVIOUR: Mapping[str, str | int] = {
    # Topics have settings that matter (compaction, append time); a misspelt name must not make one without them.
    "auto.create.topics.enable": "false",
    # After kill -9 a new broker must wait until the session of the dead one has expired (Kafka's default: 9 s).
    # Controlled shutdown stays on: without it a clean restart would have to wait as well.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    # The first member of a group need not wait for others.
    "group.initial.rebalance.delay.ms": 0,
    # As long as our topics are kept: a machine that was off for a fortnight goes on where it stopped.
    "offsets.retention.minutes": _THIRTY_DAYS_MINUTES,
}


def server_properties(data: Path, port: int, controller_port: int) -> str:
    """The text of `server.properties` for a broker that keeps its log in `data`."""
    addresses: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
    }
    values = {**addresses, **_SINGLE_NODE, **_SMALL, **_BEHAVIOUR}
    return "".join(f"{name}={_escaped(str(value))}\n" for name, value in values.items())


def check_path(path: Path) -> None:
    """BrokerError for a path that Kafka or Java would take for two: a comma parts log folders, a colon jars."""
    for sign in ",:\n":
        if sign in str(path):
            raise BrokerError(
                f"the embedded Kafka cannot live in {str(path)!r}: "
                f"its path holds {sign!r}; set SPENDSTREAM_HOME to a folder without it"
            )


def _escaped(value: str) -> str:
    """A value as java.util.Properties reads it: Latin-1 text where everything else is a UTF-16 escape."""
    units = value.replace("\\", "\\\\").encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)
