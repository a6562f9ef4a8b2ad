from __future__ import annotations

from pathlib import Path

import pytest

from ingest.environ import Environ
from ingest.errors import InvalidSetting


def test_defaults_hold_where_nothing_is_set() -> None:
    environ = Environ({"SPENDSTREAM_KAFKA": " "})
    assert environ.kafka() == "127.0.0.1:9092"
    assert environ.clickhouse() == "http://127.0.0.1:8123/spendstream"
    assert environ.gateway() == "http://127.0.0.1:8080"
    assert environ.home() == Path(".spendstream").absolute()
    assert environ.flag("X", True) is True


@pytest.mark.parametrize("bad", ["x", "0", "65536", "-1"])
def test_a_bad_port_is_named_with_its_variable(bad: str) -> None:
    with pytest.raises(InvalidSetting, match="SPENDSTREAM_GATEWAY_PORT"):
        Environ({"SPENDSTREAM_GATEWAY_PORT": bad}).port("SPENDSTREAM_GATEWAY_PORT", 8080)


@pytest.mark.parametrize("bad", ["x", "0", "-3", "inf", "nan"])
def test_a_bad_duration_is_named_with_its_variable(bad: str) -> None:
    with pytest.raises(InvalidSetting, match="WAIT"):
        Environ({"WAIT": bad}).seconds("WAIT", 1.0)


def test_flags_are_words() -> None:
    assert Environ({"F": "Yes"}).flag("F") is True
    assert Environ({"F": "off"}).flag("F", True) is False
    with pytest.raises(InvalidSetting, match="F must be one of"):
        Environ({"F": "maybe"}).flag("F")


def test_numbers_are_finite_and_not_negative() -> None:
    assert Environ({"X": "0.5"}).number("X", 1.0) == 0.5
    assert Environ({"X": "0"}).number("X", 1.0) == 0
    assert Environ({}).number("X", 1.0) == 1.0
    for bad in ("-1", "inf", "nan", "fast"):
        with pytest.raises(InvalidSetting, match="X"):
            Environ({"X": bad}).number("X", 1.0)
