"""Formats a KRaft log directory without starting a JVM: the two files that `kafka-storage format` writes.

`bootstrap.checkpoint` is a Kafka record batch that holds only the feature levels of a release (metadata.version 30,
group.version 1, transaction.version 2 and so on), so the same bytes serve every cluster. Without it the broker starts
with lower levels, and consumers of the newer group protocol fail with "API version not supported".
"""

from __future__ import annotations

import base64
import os
import uuid
from pathlib import Path

NODE_ID = 1
_BOOTSTRAP_CHECKPOINT = base64.b64decode(
    "AAAAAAAAAAAAAABHAAAAAALRXp4ZACAAAAAAAAABogy6Ad8AAAGiDLoB3///////////////////AAAAASoAAAAIAAAAAxYAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAQAAAPEAAAAAAtdsqgwAAAAAAAUAAAGiDLoB6wAAAaIMugHr//////////////////8AAAAGOgAAAAEuAQwAEW1ldGFkYXRh"
    "LnZlcnNpb24AHgAAWgAAAgFOAQwAIWVsaWdpYmxlLmxlYWRlci5yZXBsaWNhcy52ZXJzaW9uAAEAADQAAAQBKAEMAA5ncm91cC52ZXJzaW9u"
    "AAEAADQAAAYBKAEMAA5zaGFyZS52ZXJzaW9uAAEAADgAAAgBLAEMABBzdHJlYW1zLnZlcnNpb24AAQAAQAAACgE0AQwAFHRyYW5zYWN0aW9u"
    "LnZlcnNpb24AAgAAAAAAAAAAAAcAAAA/AAAAAAIrRGPHACAAAAAAAAABogy6AewAAAGiDLoB7P//////////////////AAAAARoAAAAIAAAA"
    "BAYAAAAA"
)


def format_storage(data: Path) -> bool:
    """Make `data` a KRaft log directory; True when it was none before. What it holds already stays untouched.

    `meta.properties` is written last and in one step: its presence means that the directory is whole.
    """
    properties = data / "meta.properties"
    if properties.exists():
        return False
    data.mkdir(parents=True, exist_ok=True)
    _write_whole(data / "bootstrap.checkpoint", _BOOTSTRAP_CHECKPOINT)
    text = f"cluster.id={_new_id()}\nversion=1\ndirectory.id={_new_id()}\nnode.id={NODE_ID}\n"
    _write_whole(properties, text.encode("ascii"))
    return True


def _new_id() -> str:
    """A Kafka uuid: 16 random bytes in URL-safe base64 without padding.

    Never with a leading dash, like Kafka's own: its command line tools would take that for an option.
    """
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves either nothing or all of it under its name."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
