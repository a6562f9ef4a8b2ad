from __future__ import annotations

import pytest

from gateway_shim.simulation.directives import NO_DIRECTIVES, Directives, parse_directives
from gateway_shim.simulation.refusals import Refusal


def test_no_header_means_nothing_special() -> None:
    assert parse_directives(None) is NO_DIRECTIVES


def test_directives_are_read_from_json() -> None:
    text = '{"status": 429, "delay_s": 2, "output_tokens": 7, "input_tokens": 9, "cache_read_tokens": 4, "chunks": 3}'
    assert parse_directives(text) == Directives(
        status=429, delay_s=2.0, output_tokens=7, input_tokens=9, cache_read_tokens=4, chunks=3
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"colour": 1}', "colour"),
        ('{"status": 200}', ">= 400"),
        ('{"status": 600}', "<= 599"),
        ('{"delay_s": -1}', ">= 0"),
        ('{"delay_s": 601}', "<= 600"),
        ('{"output_tokens": 1.5}', "output_tokens"),
        ('{"chunks": 0}', ">= 1"),
        ("[]", "x-simulate"),
        ("status=500", "x-simulate"),
        ("", "x-simulate"),
        ('{"cache_read_tokens": 5}', "set that too"),
        (
            '{"output_tokens": 4, "reasoning_tokens": 5}',
            r"reasoning_tokens \(5\) cannot exceed output_tokens \(4\)",
        ),
        ('{"input_tokens": 9, "cache_read_tokens": 5, "cache_write_tokens": 5}', r"\(10\).*\(9\)"),
        (
            '{"input_tokens": 9, "cache_write_tokens": 5, "cache_write_1h_tokens": 6}',
            r"cache_write_1h_tokens \(6\) cannot exceed",
        ),
    ],
)
def test_what_cannot_be_done_is_a_bad_request(text: str, says: str) -> None:
    with pytest.raises(Refusal, match=says) as refused:
        parse_directives(text)
    assert refused.value.status == 400
