"""The class archive: when another is needed, and that building one harms nothing. A script stands for Java."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from ingest.broker.cds import Archive, ArchiveBuilder
from ingest.broker.java import Java

WRITES_ITS_LIST = """#!/bin/sh
for argument; do case "$argument" in
  -XX:SharedClassListFile=*) list="${argument#*=}";;
  -XX:SharedArchiveFile=*) target="${argument#*=}";;
esac; done
cat "$list" > "$target"
"""
FAILS = "#!/bin/sh\necho 'Error: no memory' >&2\nexit 1\n"
HANGS = "#!/bin/sh\necho $$ > $0.part && mv $0.part $0.pid\nexec sleep 600\n"


def java_that(tmp_path: Path, script: str) -> Java:
    launcher = tmp_path / "java"
    launcher.write_text(script)
    launcher.chmod(0o755)
    return Java(launcher, "25")


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "one.jar"
    path.write_bytes(b"jar")
    return path


@pytest.fixture
def class_list(tmp_path: Path) -> Path:
    path = tmp_path / "classes.list"
    path.write_bytes(b"java/lang/Object id: 0\nkafka/Kafka id: 1\nkafka/Half")
    return path


def build(archive: Archive, class_list: Path) -> bool:
    builder = ArchiveBuilder(archive, class_list, "64m", quiet=0.0)
    builder.start()
    return builder.wait(30)


def test_it_fits_until_the_runtime_or_a_jar_changes(tmp_path: Path, jar: Path) -> None:
    java = java_that(tmp_path, FAILS)
    archive = Archive.fitting(tmp_path, java, [jar])
    assert Archive.fitting(tmp_path, java, [jar]).path == archive.path
    assert Archive.fitting(tmp_path, Java(java.launcher, "26"), [jar]).path != archive.path
    os.utime(jar, ns=(1, 1))
    assert Archive.fitting(tmp_path, java, [jar]).path != archive.path


def test_the_first_start_notes_classes_and_later_ones_use_the_archive(
    tmp_path: Path, jar: Path, class_list: Path
) -> None:
    archive = Archive.fitting(tmp_path, java_that(tmp_path, WRITES_ITS_LIST), [jar])
    assert archive.flags(class_list) == ["-Xshare:auto", f"-XX:DumpLoadedClassList={class_list}"]
    assert build(archive, class_list)
    assert archive.flags(class_list) == ["-Xshare:auto", f"-XX:SharedArchiveFile={archive.path}"]


def test_only_whole_lines_of_a_list_that_still_grows_are_used(
    tmp_path: Path, jar: Path, class_list: Path
) -> None:
    archive = Archive.fitting(tmp_path, java_that(tmp_path, WRITES_ITS_LIST), [jar])
    assert build(archive, class_list)
    assert archive.path.read_bytes() == b"java/lang/Object id: 0\nkafka/Kafka id: 1\n"


def test_archives_that_no_longer_fit_are_removed(tmp_path: Path, jar: Path, class_list: Path) -> None:
    java = java_that(tmp_path, WRITES_ITS_LIST)
    old = Archive.fitting(tmp_path, java, [jar])
    assert build(old, class_list)
    os.utime(jar, ns=(1, 1))
    new = Archive.fitting(tmp_path, java, [jar])
    assert build(new, class_list)
    assert not old.exists
    assert sorted(tmp_path.glob("building.*")) == [tmp_path / "building.lock"]


def test_a_failure_is_logged_in_one_line_and_leaves_nothing(
    tmp_path: Path, jar: Path, class_list: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive.fitting(tmp_path, java_that(tmp_path, FAILS), [jar])
    with caplog.at_level(logging.WARNING, "ingest.broker"):
        assert not build(archive, class_list)
    (message,) = caplog.messages
    assert "java ended with code 1: Error: no memory" in message
    assert sorted(tmp_path.glob("building.*")) == [tmp_path / "building.lock"]


def test_cancelling_ends_the_process_and_leaves_nothing(tmp_path: Path, jar: Path, class_list: Path) -> None:
    archive = Archive.fitting(tmp_path, java_that(tmp_path, HANGS), [jar])
    builder = ArchiveBuilder(archive, class_list, "64m", quiet=0.0)
    builder.start()
    pid_file = tmp_path / "java.pid"
    deadline = time.monotonic() + 20
    while not pid_file.exists():
        assert time.monotonic() < deadline, "the builder did not start Java"
        time.sleep(0.01)
    builder.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert not archive.exists
    assert sorted(tmp_path.glob("building.*")) == [tmp_path / "building.lock"]


def test_cancelling_before_the_list_is_complete_builds_nothing(
    tmp_path: Path, jar: Path, class_list: Path
) -> None:
    archive = Archive.fitting(tmp_path, java_that(tmp_path, WRITES_ITS_LIST), [jar])
    builder = ArchiveBuilder(archive, class_list, "64m", quiet=3600.0)
    builder.start()
    builder.cancel()
    assert not archive.exists


def test_the_jvm_says_when_it_cannot_use_an_archive(tmp_path: Path, jar: Path) -> None:
    archive = Archive.fitting(tmp_path, java_that(tmp_path, FAILS), [jar])
    assert archive.refused("[0.004s][error  ][cds] Loading static archive failed.\n")
    assert not archive.refused("2026-01-01T00:00:00.000Z [main] INFO kafka.Kafka - [cds] is nothing to me\n")
