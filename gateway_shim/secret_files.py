"""Secrets kept in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

_ONLY_OWNER = 0o600


def read_secret(path: Path) -> str:
    """The secret in a file; empty when there is none."""
    return path.read_text().strip() if path.exists() else ""


def write_secret(path: Path, secret: str) -> None:
    """Write a secret so that it is there in full or not at all, and never readable for others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _beside(path)
    opened = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _ONLY_OWNER)
    with os.fdopen(opened, "w") as file:
        file.write(secret + "\n")
    unfinished.replace(path)


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file, made first when there is none. Processes that come at once agree on one."""
    secret = read_secret(path)
    if secret:
        return secret
    path.parent.mkdir(parents=True, exist_ok=True)
    candidate = _beside(path)
    write_secret(candidate, make())
    try:
        path.hardlink_to(candidate)
    except FileExistsError:
        pass  # another process was first
    finally:
        candidate.unlink()
    return read_secret(path)


def _beside(path: Path) -> Path:
    """A name of one's own in the same folder."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")
