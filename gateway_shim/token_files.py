"""Brings the vocabularies that tiktoken counts with into a folder, where tiktoken looks for them.

tiktoken would download them from its makers' storage, at the first use, without a time limit. They come instead from a
pinned Maven artifact that carries the same files (jtokkit, MIT), by jgo as Kafka's jars do, so that a mirror works. What
is put in place has the SHA-256 that tiktoken itself demands.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from ingest.broker.errors import BrokerError, JarRefused
from ingest.broker.jars import Fetch, Jar
from ingest.broker.locks import FileLock

_LOG = logging.getLogger(__name__)

JAR = Jar(
    "com.knuddels:jtokkit:1.1.0",
    size=3_246_331,
    sha256="1501ce0259ab897c6746ccfafa1d208acd404fb17e1ac62e157172f2678b1183",
)
_FOLDER_IN_JAR = "com/knuddels/jtokkit"
# Encoding -> SHA-256, as in tiktoken 0.14 (tiktoken_ext/openai_public.py).
VOCABULARIES = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
# tiktoken names a file of its cache by the SHA-1 of the address that it would download it from.
_KEYS = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}


def file_of(folder: Path, encoding: str) -> Path:
    """Where tiktoken looks for a vocabulary in its cache `folder`."""
    return folder / _KEYS[encoding]


def is_there(folder: Path, encoding: str) -> bool:
    """Whether a vocabulary is there, whole."""
    try:
        with file_of(folder, encoding).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == VOCABULARIES[encoding]
    except FileNotFoundError:
        return False


def bring(folder: Path, make_fetch: Callable[[], Fetch]) -> None:
    """Make `folder` hold both vocabularies. Only one process fetches; others wait for it.

    Raises BrokerError (no jgo; the jar has other bytes), OSError or RuntimeError (it cannot be had) with `folder` as it was.
    """
    if _are_there(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    alone = FileLock(folder / ".lock")
    alone.acquire()
    scratch = folder / ".incoming"
    try:
        if not _are_there(folder):
            shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
            scratch.mkdir()
            _LOG.info("fetching the vocabularies for counting tokens, %.1f MB, once", JAR.size / 1e6)
            jar = make_fetch()(JAR.coordinate, scratch)
            if not JAR.matches(jar):
                raise JarRefused(f"{JAR.coordinate} was fetched with other bytes than the pinned ones")
            _unpack(jar, folder, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        alone.release()


def _are_there(folder: Path) -> bool:
    return all(is_there(folder, name) for name in VOCABULARIES)


def _unpack(jar: Path, folder: Path, scratch: Path) -> None:
    with zipfile.ZipFile(jar) as archive:
        for name, digest in VOCABULARIES.items():
            content = archive.read(f"{_FOLDER_IN_JAR}/{name}.tiktoken")
            if hashlib.sha256(content).hexdigest() != digest:
                raise BrokerError(f"{JAR.coordinate} holds another {name} than tiktoken knows")
            unpacked = scratch / name
            unpacked.write_bytes(content)
            unpacked.replace(file_of(folder, name))
