"""Topics on the broker: wait for it, create what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import collect_hosts
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from ingest.clock import Clock, SystemClock
from ingest.errors import LogUnavailable
from ingest.topics import Topic

_RETRY_S = 0.1
_KNOCK_S = 2.0


async def wait_for_broker(
    bootstrap: str,
    timeout_s: float = 60.0,
    *,
    clock: Clock | None = None,
    on_wait: Callable[[], None] | None = None,
) -> None:
    """Returns once a broker at `bootstrap` answers. `on_wait` is called once if it does not at first.

    Raises LogUnavailable after `timeout_s` seconds.
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + timeout_s
    while not await _answers(bootstrap):
        if on_wait is not None:
            on_wait()
            on_wait = None
        if clock.monotonic() >= deadline:
            raise LogUnavailable(f"no Kafka broker answered at {bootstrap} within {timeout_s:g} seconds")
        await asyncio.sleep(_RETRY_S)


async def _answers(bootstrap: str) -> bool:
    """Knocks before the client does, which logs an error for every closed door."""
    if not any([await _is_open(host, port) for host, port, _ in collect_hosts(bootstrap)]):
        return False
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await client.start()
    except (KafkaConnectionError, OSError):
        return False
    finally:
        await client.close()
    return True


async def _is_open(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def create_topics(bootstrap: str, topics: Iterable[Topic], replication: int = 1) -> list[str]:
    """Create those of `topics` that are not there; returns the names of the new ones. Existing ones stay as they are."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        wanted = [
            NewTopic(
                str(topic.name),
                num_partitions=topic.partitions,
                replication_factor=replication,
                topic_configs=topic.config,
            )
            for topic in topics
        ]
        answer = await client.create_topics(wanted)
    except KafkaError as reason:
        raise LogUnavailable(f"topics could not be created at {bootstrap}: {reason}") from reason
    finally:
        await client.close()
    return [name for name, code in _outcomes(answer.topic_errors) if not _exists(name, code)]


async def cluster_id(bootstrap: str) -> str:
    """The id that the cluster was given when it was made: another one after its data was wiped."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await client.start()
        return str((await client.describe_cluster())["cluster_id"])
    except (KafkaError, OSError) as reason:
        raise LogUnavailable(f"no Kafka broker answered at {bootstrap}: {reason}") from reason
    finally:
        await client.close()


def _outcomes(topic_errors: Iterable[tuple[object, ...]]) -> list[tuple[str, int]]:
    return [(str(row[0]), int(str(row[1]))) for row in topic_errors]


def _exists(name: str, code: int) -> bool:
    if code == 0:
        return False
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return True
    raise LogUnavailable(f"topic {name} could not be created: {error.__name__}")
