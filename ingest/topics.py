"""Every topic, with its key and how long it is kept. Created explicitly by `python -m ingest topics`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

PARTITIONS = 4
_DAY_MS = 86_400_000


class TopicName(StrEnum):
    """The names; stable, others build on them."""

    CALLS = "llm.calls"
    COSTS = "llm.costs"
    CHARGES = "budget.charges"
    STATES = "budget.states"
    GOVERNANCE = "governance"
    ALERTS = "alerts"
    DEAD_LETTERS = "dead.letters"


@dataclass(frozen=True)
class Topic:
    """One topic. `key` says what its records are keyed by; `partitions` is the number made at first."""

    name: TopicName
    key: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def _by_time(days: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        # Append time: with the event's own time, retention would delete what was late or imported at once.
        "message.timestamp.type": "LogAppendTime",
    }


def _compacted() -> dict[str, str]:
    return {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}


TOPICS: tuple[Topic, ...] = (
    Topic(TopicName.CALLS, "team", PARTITIONS, _by_time(30)),
    Topic(TopicName.COSTS, "team", PARTITIONS, _by_time(30)),
    Topic(TopicName.CHARGES, "budget", PARTITIONS, _by_time(30)),
    # One partition: every shim folds the whole topic, and the order among its entities is the order of the admin calls.
    Topic(TopicName.STATES, "budget", 1, _compacted()),
    Topic(TopicName.GOVERNANCE, "entity", 1, _compacted()),
    Topic(TopicName.ALERTS, "scope", 1, _by_time(400)),
    Topic(TopicName.DEAD_LETTERS, "source topic", 1, _by_time(90)),
)
