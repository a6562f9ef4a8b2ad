"""The broker's log: what is told of it in an error, and how it is kept small."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.broker.logfile import beginning, telling_lines, trim

OLD = b"2026-01-01T00:00:00.000Z [main] ERROR kafka.Kafka$ - an error of the last run\n"
CRASH = b"""2026-01-02T00:00:00.000Z [main] INFO kafka.server.KafkaRaftServer - starting
2026-01-02T00:00:01.000Z [main] ERROR org.apache.kafka.Loader - Error while reading a file
java.lang.RuntimeException: the directory is damaged
\tat kafka.Kafka$.main(Kafka.scala:80)
Caused by: java.io.IOException: no such file
2026-01-02T00:00:02.000Z [main] INFO kafka.server.KafkaRaftServer - shut down
"""


def test_the_errors_of_this_run_are_told_without_times_and_stack_frames(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_bytes(OLD + CRASH)
    assert telling_lines(log, since=len(OLD)) == [
        "Error while reading a file",
        "java.lang.RuntimeException: the directory is damaged",
        "Caused by: java.io.IOException: no such file",
    ]


def test_without_an_error_the_last_lines_are_told(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_text("one\ntwo\nthree\nfour\n")
    assert telling_lines(log, since=0, most=2) == ["three", "four"]


def test_long_lines_are_cut(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_text("Error: " + "x" * 1000)
    (line,) = telling_lines(log, since=0)
    assert len(line) == 220
    assert line.endswith("…")


def test_a_log_that_was_trimmed_meanwhile_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_text("Error: now\n")
    assert telling_lines(log, since=10_000) == ["Error: now"]


def test_only_what_exceeds_the_limit_is_moved_away(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    assert not trim(log, limit=10)
    log.write_bytes(b"0123456789")
    assert not trim(log, limit=10)
    log.write_bytes(b"0123456789a")
    assert trim(log, limit=10)
    assert log.read_bytes() == b""
    assert (tmp_path / "broker.log.1").read_bytes() == b"0123456789a"


def test_a_writer_goes_on_in_the_trimmed_file(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"before\n")
        assert trim(log, limit=1)
        writer.write(b"after\n")
    assert log.read_bytes() == b"after\n"


@pytest.mark.parametrize(("since", "size", "text"), [(0, 3, "one"), (4, 99, "two\n")])
def test_beginning(tmp_path: Path, since: int, size: int, text: str) -> None:
    log = tmp_path / "broker.log"
    log.write_text("one\ntwo\n")
    assert beginning(log, since, size) == text
