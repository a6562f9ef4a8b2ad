from __future__ import annotations

import logging
from datetime import UTC, datetime

from ingest.clock import FixedClock
from streams.quiet import OncePerWhile

CLOCK = FixedClock(datetime(2026, 11, 24, tzinfo=UTC))


def line(name: str, text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, text, arguments, None)


def test_a_librarys_line_comes_once_in_a_while_and_then_says_how_often() -> None:
    filtered = OncePerWhile(CLOCK, 10)
    passed = [filtered.filter(line("aiokafka.conn", "Unable to connect to %s", n)) for n in range(4)]
    assert passed == [True, False, False, False]
    CLOCK.advance(10)
    last = line("aiokafka.conn", "Unable to connect to %s", 4)
    assert filtered.filter(last)
    assert last.getMessage() == "Unable to connect to 4 (and 3 more like it)"
    CLOCK.advance(10)
    again = line("aiokafka.conn", "Unable to connect to %s", 5)
    assert filtered.filter(again)
    assert again.getMessage() == "Unable to connect to 5"


def test_different_lines_do_not_hide_one_another() -> None:
    filtered = OncePerWhile(CLOCK, 10)
    assert filtered.filter(line("aiokafka", "one"))
    assert filtered.filter(line("aiokafka", "other"))
    assert filtered.filter(line("faust.app", "one"))


def test_lines_of_our_own_always_pass() -> None:
    filtered = OncePerWhile(CLOCK, 10)
    assert all(filtered.filter(line("streams.process", "ready")) for _ in range(3))
